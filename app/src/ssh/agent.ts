// SPDX-License-Identifier: MIT
import { monotonicMs } from '../core/clock.ts';
import { SesameError, systemErrorCode } from '../core/errors.ts';
import { printable } from '../core/text.ts';
import { BlockingSocket, SocketTimeout } from '../linux/blocking-socket.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { type PublicKey, parsePublicKey, requireSuitable } from './public-key.ts';
import { readSignature, signatureProblem } from './signature.ts';
import { MalformedWire, string, uint32, WireReader } from './wire.ts';

/*
 * The OpenSSH agent protocol (draft-ietf-sshm-ssh-agent, before that draft-miller-ssh-agent): frames of a length and as many bytes,
 * of which the first is the type.
 */
const message = { failure: 5, requestIdentities: 11, identities: 12, signRequest: 13, signature: 14 } as const;
/** Asks an RSA key for SHA-512; other keys do not look at it. */
const rsaSha512Flag = 4;

/** The longest list that OpenSSH's own agent sends, in bytes. */
const longestList = 262_144;
/** A signature by an RSA key of 16,384 bits has 2,048 bytes. */
const longestSignatureAnswer = 4096;

/** How long an agent may take, in milliseconds: for a list, and for a signature that somebody may have to confirm. */
export interface AgentPatience {
  readonly listMs: number;
  readonly signMs: number;
}

const defaultPatience: AgentPatience = { listMs: 5_000, signMs: 60_000 };

export interface Identity {
  readonly key: PublicKey;
  /** What the key was called when it was added: a person's or an attacker's text. */
  readonly comment: string;
}

/**
 * A connection to an ssh agent. Nothing that an agent says is believed: answers are bounded in length and time, and a signature is given out
 * only after it was verified. Signatures open vaults, so they are in secret memory from the socket on.
 */
export class SshAgent {
  /** The path of its socket. */
  readonly where: string;
  readonly #memory: SecretMemory;
  readonly #socket: BlockingSocket;
  readonly #patience: AgentPatience;

  private constructor(memory: SecretMemory, where: string, socket: BlockingSocket, patience: AgentPatience) {
    this.#memory = memory;
    this.where = where;
    this.#socket = socket;
    this.#patience = patience;
  }

  /** @throws SesameError ssh-agent-unreachable */
  static connect(memory: SecretMemory, where: string, patience = defaultPatience): SshAgent {
    const socket = BlockingSocket.connect(where, patience.listMs);
    if (typeof socket !== 'string') return new SshAgent(memory, where, socket, patience);
    throw SesameError.of('ssh-agent-unreachable', { where, reason: connectProblems[socket] ?? socket });
  }

  /**
   * The keys that it holds; none when it is locked.
   * @throws SesameError ssh-agent-unreachable, ssh-agent-faulty
   */
  identities(): Identity[] {
    return this.#within(this.#patience.listMs, (deadline) => {
      const answer = Buffer.alloc(this.#request([Buffer.of(message.requestIdentities)], longestList, deadline));
      this.#fill(answer, deadline);
      const reader = this.#answer(answer, message.identities);
      const count = reader.uint32();
      const identities: Identity[] = [];
      while (identities.length < count) identities.push(readIdentity(reader));
      reader.end();
      return identities;
    });
  }

  /**
   * The signature's inner bytes, without the algorithm's name and the length, by an Ed25519 key or by RSA PKCS#1 v1.5 with SHA-512. The
   * caller releases them.
   * @throws SesameError ssh-key-unsuitable, ssh-agent-unreachable, ssh-agent-refused, ssh-agent-faulty
   */
  sign(key: PublicKey, data: Uint8Array): SecretBytes {
    const numbers = requireSuitable(key);
    const request = [Buffer.of(message.signRequest), string(key.blob), string(data), uint32(rsaSha512Flag)];
    return this.#within(this.#patience.signMs, (deadline) => {
      const answer = this.#memory.allocate(this.#request(request, longestSignatureAnswer, deadline));
      try {
        this.#fill(answer.bytes, deadline);
        if (answer.bytes.at(0) === message.failure)
          throw SesameError.of('ssh-agent-refused', { where: this.where, fingerprint: key.fingerprint });
        const reader = this.#answer(answer.bytes, message.signature);
        const signature = readSignature(reader.string(), numbers);
        reader.end();
        const problem = signatureProblem(numbers, data, signature);
        if (problem !== undefined) throw this.#faulty(`${problem}, ${key.fingerprint}`);
        return copyOf(this.#memory, signature);
      } finally {
        answer.release();
      }
    });
  }

  close(): void {
    this.#socket.close();
  }

  /** @returns the length of the answer that follows */
  #request(parts: readonly Buffer[], longest: number, deadline: number): number {
    this.#socket.write(string(Buffer.concat(parts)), deadline - monotonicMs());
    const header = Buffer.alloc(4);
    this.#fill(header, deadline);
    const length = header.readUInt32BE();
    if (length === 0 || length > longest) throw this.#faulty(`it announces an answer of ${length} bytes`);
    return length;
  }

  #fill(target: Buffer, deadline: number): void {
    for (let filled = 0; filled < target.length; ) {
      const count = this.#socket.read(target.subarray(filled), deadline - monotonicMs());
      if (count === 0) throw this.#unreachable('it closed the connection');
      filled += count;
    }
  }

  #answer(bytes: Buffer, wanted: number): WireReader {
    const reader = new WireReader(bytes);
    const type = reader.byte();
    if (type !== wanted) throw this.#faulty(`it answers with a message of type ${type} instead of ${wanted}`);
    return reader;
  }

  #within<Result>(timeoutMs: number, work: (deadline: number) => Result): Result {
    try {
      return work(monotonicMs() + timeoutMs);
    } catch (thrown) {
      if (thrown instanceof SesameError) throw thrown;
      if (thrown instanceof MalformedWire) throw this.#faulty(`its answer is malformed: ${thrown.message}`, thrown);
      if (thrown instanceof SocketTimeout) throw this.#unreachable(`it did not answer within ${timeoutMs / 1000} s`, thrown);
      if (systemErrorCode(thrown) !== undefined) throw this.#unreachable('it closed the connection', thrown);
      throw thrown;
    }
  }

  #faulty(reason: string, cause?: unknown): SesameError {
    return SesameError.of('ssh-agent-faulty', { where: this.where, reason }, cause);
  }

  #unreachable(reason: string, cause?: unknown): SesameError {
    return SesameError.of('ssh-agent-unreachable', { where: this.where, reason }, cause);
  }
}

const connectProblems: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket; the connection that forwarded it may have ended',
  ECONNREFUSED: 'nobody listens there any more',
  EACCES: 'this user may not use it',
  EAGAIN: 'it takes no more connections',
  ENAMETOOLONG: 'the path is too long for a socket',
  ENOTSOCK: 'it is not a socket',
};

function readIdentity(reader: WireReader): Identity {
  const key = parsePublicKey(reader.string());
  return { key, comment: printable(reader.string().toString('utf8')) };
}

function copyOf(memory: SecretMemory, bytes: Uint8Array): SecretBytes {
  const copy = memory.allocate(bytes.length);
  copy.bytes.set(bytes);
  return copy;
}
