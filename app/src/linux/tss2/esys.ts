// SPDX-License-Identifier: MIT
import { DataType } from 'ffi-rs';
import { assert, SesameError } from '../../core/errors.ts';
import { copyFrom, wipeCopies, wipeMemory } from '../libc.ts';
import { answerArrives, newSocket, openSockets } from './answer.ts';
import { type CommandName, commands, type Inputs, type Outputs } from './commands.ts';
import { deviceProblem } from './device.ts';
import { call, type Value } from './libraries.ts';
import { refused, requireSuccess, succeeded, tryAgain } from './response-code.ts';
import { fromC, type Structure, toC } from './structures.ts';

/** Objects and sessions that stand for something without being made (tss2_esys.h). PCRs are their own numbers. */
export const esysNone = 0xfff;
export const esysPassword = 0x0ff;
export const esysOwner = 0x101;
export const esysNull = 0x107;
export const esysEndorsement = 0x10b;

const { BigInt: Address, I32, U32, U8, U8Array } = DataType;

export interface EsysOptions {
  /** As tss2-tctildr(3) has it: `device:/dev/tpmrm0`, `swtpm:path=…`. */
  readonly tcti: string;
  /** How long one command may take, in ms. Real chips take up to 11 s. */
  readonly limitMs: number;
  /** Told once for each command that has not been answered after `slowMs`. */
  readonly slowMs: number;
  readonly onSlow: (command: string) => void;
}

/**
 * One conversation with a TPM through libtss2-esys. One command at a time; nothing here blocks while the TPM works. Parameters and
 * answers are in wire form.
 */
export class Esys {
  readonly #options: EsysOptions;
  readonly #transport: bigint;
  readonly #context: bigint;
  /** The descriptor that answers arrive on, where the transport has one for good. */
  readonly #descriptor: number | undefined;
  /** The descriptor of the command that was sent and is not answered yet. */
  #awaited: { readonly descriptor: number | undefined } | undefined;
  #closed = false;

  private constructor(options: EsysOptions, transport: bigint, context: bigint) {
    this.#options = options;
    this.#transport = transport;
    this.#context = context;
    this.#descriptor = pollDescriptor(context);
    // What waits for the answer is here; the library reads what has arrived.
    requireSuccess('Esys_SetTimeout', call('esys', 'Esys_SetTimeout', U32, [address(context), { type: I32, value: -1 }]));
  }

  /** @throws SesameError tpm-library-missing, tpm-absent */
  static open(options: EsysOptions): Esys {
    const { tcti } = options;
    const problem = deviceProblem(tcti);
    if (problem !== undefined) throw SesameError.of('tpm-absent', { tcti, cause: problem });
    const place = Buffer.alloc(8);
    const opened = call('tctildr', 'Tss2_TctiLdr_Initialize', U32, [pointer(Buffer.from(`${tcti}\0`)), pointer(place)]);
    if (!succeeded(opened)) throw SesameError.of('tpm-absent', { tcti, cause: refused('opening it', opened).message });
    const transport = place.readBigUInt64LE();
    const begun = call('esys', 'Esys_Initialize', U32, [pointer(place), address(transport), address(0n)]);
    if (!succeeded(begun)) {
      finalizeTransport(transport);
      throw refused('Esys_Initialize', begun);
    }
    return new Esys(options, transport, place.readBigUInt64LE());
  }

  /**
   * Sends a command and waits for its answer.
   * @throws SesameError tpm-command-failed (see `responseOf`); tpm-slow, after which only `answered` and `close` are of use
   */
  async run<Name extends CommandName>(name: Name, ...inputs: Inputs<Name>): Promise<Outputs<Name>>;
  async run(name: CommandName, ...inputs: readonly unknown[]): Promise<unknown> {
    const { outputs } = commands[name];
    const places = await this.#exchange(name, nativeInputs(name, inputs), outputs.length);
    const structures = outputs.map((kind, index) => (isNumber(kind) ? 0n : addressAt(places, index)));
    try {
      return outputs.map((kind, index) => {
        if (kind === 'u8') return places.readUInt8(index * 8);
        if (kind === 'u32') return places.readUInt32LE(index * 8);
        return fromC(kind, addressAt(places, index));
      });
    } finally {
      for (const structure of structures) free(structure);
    }
  }

  /**
   * TPM2_Unseal. The library's own copies of what was sealed are gone when this returns.
   * @param take gives the memory for so many bytes
   * @throws SesameError as `run`
   */
  async unseal<Target>(object: number, sessions: readonly number[], take: (bytes: number) => [Buffer, Target]): Promise<Target> {
    const places = await this.#exchange('Unseal', [u32(object), ...sessionValues(sessions)], 1);
    // TPM2B_SENSITIVE_DATA: a u16 and so many bytes.
    const structure = addressAt(places, 0);
    const length = Buffer.alloc(2);
    copyFrom(structure, length);
    const bytes = length.readUInt16LE();
    try {
      const [memory, target] = take(bytes);
      copyFrom(structure + 2n, memory);
      this.wipeCopies(memory);
      return target;
    } finally {
      wipeMemory(structure, bytes + 2);
      free(structure);
    }
  }

  /**
   * Takes a transient object or a session out of the TPM. In the middle of a command that was given up nothing can be sent, and what is
   * loaded goes when the resource manager sees us go.
   */
  async flush(handle: number): Promise<void> {
    if (!this.unanswered) await this.run('FlushContext', handle);
  }

  /** The name of an object, checked by the library against its public area (TPM 2.0 Library part 1, 16). */
  name(object: number): Buffer {
    const place = Buffer.alloc(8);
    const response = call('esys', 'Esys_TR_GetName', U32, [address(this.#context), u32(object), pointer(place)]);
    requireSuccess('Esys_TR_GetName', response);
    try {
      return fromC('TPM2B_NAME', place.readBigUInt64LE()).subarray(2);
    } finally {
      free(place.readBigUInt64LE());
    }
  }

  /** Gives an object its authorisation value, as TPM2B_AUTH; zeros of the same length overwrite it. */
  setAuth(object: number, auth: Buffer): void {
    const native = toC('TPM2B_AUTH', auth);
    try {
      const response = call('esys', 'Esys_TR_SetAuth', U32, [address(this.#context), u32(object), pointer(native)]);
      requireSuccess('Esys_TR_SetAuth', response);
    } finally {
      native.fill(0);
    }
  }

  /** Sets the bits of a mask of a session's attributes (TPMA_SESSION). */
  setSessionAttributes(session: number, attributes: number, mask: number): void {
    const values = [address(this.#context), u32(session), { type: U8, value: attributes }, { type: U8, value: mask }];
    requireSuccess('Esys_TRSess_SetAttributes', call('esys', 'Esys_TRSess_SetAttributes', U32, values));
  }

  /** Overwrites every copy of the bytes that the library keeps in its contexts. */
  wipeCopies(bytes: Buffer): void {
    const place = Buffer.alloc(8);
    requireSuccess('Esys_GetSysContext', call('esys', 'Esys_GetSysContext', U32, [address(this.#context), pointer(place)]));
    wipeCopies(this.#context, bytes);
    wipeCopies(place.readBigUInt64LE(), bytes);
  }

  /** Whether a command was sent that has not been answered: the time limit has passed. */
  get unanswered(): boolean {
    return this.#awaited !== undefined;
  }

  /** Waits, without a limit, for the answer that did not come in time. */
  async answered(): Promise<void> {
    await answerArrives(this.#awaited?.descriptor, Number.POSITIVE_INFINITY);
    this.#awaited = undefined;
  }

  /**
   * Ends the conversation. With an unanswered command the kernel would keep us until the answer comes. Transient objects and sessions
   * that were not flushed stay in a TPM without a resource manager.
   */
  close(): void {
    assert(!this.unanswered, 'nobody closes a conversation in the middle of a command');
    if (this.#closed) return;
    this.#closed = true;
    const place = Buffer.alloc(8);
    place.writeBigUInt64LE(this.#context);
    call('esys', 'Esys_Finalize', DataType.Void, [pointer(place)]);
    finalizeTransport(this.#transport);
  }

  /** @returns where the outputs lie: 8 bytes each, a number or an address */
  async #exchange(name: CommandName | 'Unseal', inputs: readonly Value[], outputs: number): Promise<Buffer> {
    assert(!this.unanswered && !this.#closed, 'one command at a time');
    const before = this.#descriptor === undefined ? openSockets() : undefined;
    try {
      const sent = call('esys', `Esys_${name}_Async`, U32, [address(this.#context), ...inputs]);
      if (!succeeded(sent)) throw refused(name, sent);
    } finally {
      for (const { value } of inputs) if (Buffer.isBuffer(value)) value.fill(0);
    }
    const places = Buffer.alloc(Math.max(1, outputs) * 8);
    const targets = Array.from({ length: outputs }, (_, index) => pointer(places.subarray(index * 8)));
    for (;;) {
      this.#awaited = { descriptor: this.#descriptor ?? (before && newSocket(before)) };
      await this.#wait(name);
      this.#awaited = undefined;
      const finished = call('esys', `Esys_${name}_Finish`, U32, [address(this.#context), ...targets]);
      // The TPM was testing itself or had no time: the library has sent the command again.
      if (tryAgain(finished)) continue;
      if (!succeeded(finished)) throw refused(name, finished);
      return places;
    }
  }

  async #wait(name: string): Promise<void> {
    const { tcti, limitMs, slowMs, onSlow } = this.#options;
    const descriptor = this.#awaited?.descriptor;
    if (await answerArrives(descriptor, slowMs)) return;
    onSlow(name);
    if (await answerArrives(descriptor, limitMs - slowMs)) return;
    throw SesameError.of('tpm-slow', { tcti, command: name, seconds: Math.round(limitMs / 1000) });
  }
}

/** Structures are copied, so that the caller's stay the caller's; the copies are wiped once the command is sent. */
function nativeInputs(name: CommandName, inputs: readonly unknown[]): Value[] {
  return commands[name].inputs.flatMap((kind, index): Value[] => {
    const input = inputs[index];
    if (kind === 'sessions') return sessionValues(Array.isArray(input) ? input : []);
    if (isNumber(kind)) {
      assert(typeof input === 'number', `${name} takes a number at ${index}`);
      return [{ type: widths[kind], value: input }];
    }
    if (input === undefined) return [address(0n)];
    assert(Buffer.isBuffer(input), `${name} takes a structure at ${index}`);
    return [pointer(toC(kind, input))];
  });
}

/** A u16 travels in the same register as a u32 (System V and AArch64 calling conventions). */
const widths = { u8: U8, u16: U32, u32: U32 } as const;

function isNumber(kind: keyof typeof widths | Structure): kind is keyof typeof widths {
  return Object.hasOwn(widths, kind);
}

function sessionValues(sessions: readonly number[]): Value[] {
  return [0, 1, 2].map((index) => u32(sessions[index] ?? esysNone));
}

function u32(value: number): Value {
  return { type: U32, value };
}

function address(value: bigint): Value {
  return { type: Address, value };
}

function pointer(value: Buffer): Value {
  return { type: U8Array, value };
}

function addressAt(places: Buffer, index: number): bigint {
  return places.readBigUInt64LE(index * 8);
}

function free(structure: bigint): void {
  if (structure !== 0n) call('esys', 'Esys_Free', DataType.Void, [address(structure)]);
}

function finalizeTransport(transport: bigint): void {
  const place = Buffer.alloc(8);
  place.writeBigUInt64LE(transport);
  call('tctildr', 'Tss2_TctiLdr_Finalize', DataType.Void, [pointer(place)]);
}

/** The descriptor that the transport tells of (TSS 2.0 TCTI, getPollHandles): /dev/tpmrm0 has one, the sockets of emulators do not. */
function pollDescriptor(context: bigint): number | undefined {
  const handles = Buffer.alloc(8);
  const count = Buffer.alloc(8);
  const response = call('esys', 'Esys_GetPollHandles', U32, [address(context), pointer(handles), pointer(count)]);
  if (!succeeded(response)) return undefined;
  const descriptor = Buffer.alloc(4);
  copyFrom(handles.readBigUInt64LE(), descriptor);
  free(handles.readBigUInt64LE());
  return descriptor.readInt32LE();
}
