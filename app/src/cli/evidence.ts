// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { readLines } from './input.ts';
import type { Invocation } from './invocation.ts';
import { ask } from './terminal.ts';

/** The factors that a command line can bring evidence for, by the option that says so. */
const factorOfOption: Readonly<Record<string, string>> = {
  'password-stdin': 'password',
  'pin-stdin': 'tpm',
  'recovery-stdin': 'recovery',
};

/** What somebody can type. */
const nameOfEvidence: Readonly<Record<string, string>> = {
  password: 'password',
  recovery: 'recovery key',
  tpm: 'PIN of the TPM',
};

/** The option that brings what can be typed. */
const optionOfFactor: Readonly<Record<string, string>> = { tpm: 'pin-stdin' };

interface Part {
  readonly factor: string;
  readonly bytes: SecretBytes;
}

/** What somebody brings to open a vault: a part for each factor. */
export class Evidence {
  readonly #memory: SecretMemory;
  readonly #parts: Part[] = [];

  constructor(memory: SecretMemory) {
    this.#memory = memory;
  }

  get factors(): string[] {
    return this.#parts.map(({ factor }) => factor);
  }

  has(factor: string): boolean {
    return this.#parts.some((part) => part.factor === factor);
  }

  /** Takes the bytes over. */
  add(factor: string, bytes: SecretBytes): void {
    this.#parts.push({ factor, bytes });
  }

  /** The machine itself is the evidence. */
  addPresence(factor: 'tpm'): void {
    this.add(factor, this.#memory.take(Buffer.alloc(0)));
  }

  /** The members of a message body, in the order of the attachment. */
  describe(): { factor: string; length: number }[] {
    return this.#parts.map(({ factor, bytes }) => ({ factor, length: bytes.length }));
  }

  /**
   * All parts one after the other; the caller releases them. Undefined when there is nothing to send.
   * @throws SesameError password-empty, recovery-key-malformed
   */
  join(): SecretBytes | undefined {
    const isEmpty = (wanted: string) => this.#parts.some(({ factor, bytes }) => factor === wanted && bytes.length === 0);
    if (isEmpty('password')) throw SesameError.of('password-empty', {});
    if (isEmpty('recovery')) throw SesameError.of('recovery-key-malformed', { reason: 'it is empty' });
    const length = this.#parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (length === 0) return undefined;
    const joined = this.#memory.allocate(length);
    let offset = 0;
    for (const { bytes } of this.#parts) {
      joined.bytes.set(bytes.bytes, offset);
      offset += bytes.length;
    }
    return joined;
  }

  release(): void {
    for (const { bytes } of this.#parts.splice(0)) bytes.release();
  }
}

/**
 * Runs the work with the evidence that the command line announces on standard input, one line each, in the order of the options, and
 * wipes it afterwards.
 * @throws SesameError usage when the input ends early, password-empty
 */
export async function withEvidence<Result>(
  memory: SecretMemory,
  invocation: Invocation,
  work: (evidence: Evidence) => Promise<Result>,
): Promise<Result> {
  const evidence = new Evidence(memory);
  try {
    readAnnounced(memory, invocation, evidence);
    return await work(evidence);
  } finally {
    evidence.release();
  }
}

function readAnnounced(memory: SecretMemory, invocation: Invocation, evidence: Evidence): void {
  const factors = invocation.options.flatMap(({ long }) => factorOfOption[long] ?? []);
  const lines = readLines(memory, factors.length);
  const missing = factors[lines.length];
  for (const [index, line] of lines.entries()) {
    const factor = factors[index];
    if (factor === undefined) line.release();
    else evidence.add(factor, line);
  }
  if (missing !== undefined) throw invocation.refuse(`standard input ended before the ${nameOfEvidence[missing] ?? missing}`);
}

/** Whether the command line brings evidence by itself, so that nobody is to be asked. */
export function announcesEvidence(invocation: Invocation): boolean {
  return invocation.options.some(({ long }) => Object.hasOwn(factorOfOption, long));
}

/** Whether evidence of this factor is asked for on a terminal. The TPM needs nobody; it says when it wants a PIN. */
export function canBeTyped(factor: string): boolean {
  return factor !== 'tpm' && Object.hasOwn(nameOfEvidence, factor);
}

/**
 * Asks for the evidence of a factor on the terminal.
 * @throws SesameError usage without a terminal, factor-evidence-missing for a factor that nothing here can ask for
 */
export function askForEvidence(memory: SecretMemory, invocation: Invocation, factor: string, profile: string): SecretBytes {
  const name = nameOfEvidence[factor];
  if (name === undefined) throw SesameError.of('factor-evidence-missing', { factor, profile });
  const answer = ask(memory, `${name} of profile ${profile}`);
  if (answer === undefined)
    throw invocation.refuse(
      `there is no terminal to ask for the ${name} on; give --${optionOfFactor[factor] ?? `${factor}-stdin`}`,
    );
  return answer;
}

/**
 * Asks for a new password, twice.
 * @throws SesameError usage without a terminal or when the two differ
 */
export function askForNewPassword(memory: SecretMemory, invocation: Invocation, profile: string): SecretBytes {
  const first = ask(memory, `new password of profile ${profile}`);
  if (first === undefined) throw invocation.refuse('there is no terminal to ask for the password on; give --password-stdin');
  const second = ask(memory, 'the same again');
  const equal = second?.bytes.equals(first.bytes) ?? false;
  second?.release();
  if (equal) return first;
  first.release();
  throw invocation.refuse('the two passwords differ, nothing was changed');
}
