// SPDX-License-Identifier: MIT
import { assert, SesameError } from '../core/errors.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import { tagLength } from './cipher-state.ts';
import { NoiseTransport, noiseMessageLimit } from './noise-transport.ts';
import type { NoiseSuite } from './suite.ts';
import { SymmetricState } from './symmetric-state.ts';
import { type DhKeyPair, generateEphemeral, importKeyPair, type KeyPair, keyLength, sharedSecret } from './x25519.ts';

export { type NoiseTransport, noiseMessageLimit, noisePlaintextLimit } from './noise-transport.ts';
export type { NoiseSuite } from './suite.ts';
export { generateEphemeral, generateKeyPair, type KeyPair } from './x25519.ts';

/** A key pair of the caller's, or one inside OpenSSL for a client that nobody knows. */
export type StaticKey = KeyPair | DhKeyPair;

// Noise_IK (rev 34, section 7.5). The tokens of each message stand beside the lines that process them.
//   <- s
//   ...
//   -> e, es, s, ss
//   <- e, ee, se

const message1Overhead = keyLength + (keyLength + tagLength) + tagLength;
const message2Overhead = keyLength + tagLength;

interface HandshakeOptions {
  readonly memory: SecretMemory;
  readonly suite: NoiseSuite;
  /** What both sides must know alike; it is authenticated and not sent. */
  readonly prologue: Uint8Array;
  /** Copied; the caller may wipe its own once the constructor has returned. */
  readonly staticKey: StaticKey;
  /** For test vectors only. */
  readonly ephemeral?: KeyPair;
}

/** What both roles share: the symmetric state, the two own key pairs, and the order of the steps. */
abstract class IkHandshake {
  protected readonly suite: NoiseSuite;
  protected readonly symmetric: SymmetricState;
  protected readonly staticKey: DhKeyPair;
  protected readonly ephemeral: DhKeyPair;
  #step = 0;

  protected constructor(options: HandshakeOptions) {
    this.suite = options.suite;
    this.staticKey = importKeyPair(options.staticKey);
    this.ephemeral = options.ephemeral === undefined ? generateEphemeral() : importKeyPair(options.ephemeral);
    this.symmetric = new SymmetricState(options.memory, options.suite);
    this.symmetric.mixHash(options.prologue);
  }

  /** Wipes the keys of an abandoned handshake. A failed step and `split` do it themselves; calling it again does nothing. */
  destroy(): void {
    this.symmetric.destroy();
  }

  /** Each step happens once and in order; one that fails ends the handshake. */
  protected step<Result>(number: number, act: () => Result): Result {
    assert(this.#step === number, 'the steps of a handshake happen once and in order');
    this.#step++;
    try {
      return act();
    } catch (thrown) {
      this.destroy();
      throw thrown;
    }
  }

  protected mixDh(own: DhKeyPair, remotePublicKey: Uint8Array): void {
    const secret = sharedSecret(own.privateKey, remotePublicKey);
    if (secret === undefined) throw handshakeFailed('its public key is of low order');
    this.symmetric.mixKey(secret);
  }

  protected transport(role: 'initiator' | 'responder'): NoiseTransport {
    const keys = this.symmetric.split();
    this.destroy();
    return new NoiseTransport(this.suite.cipher, role, keys, this.symmetric.handshakeHash);
  }
}

/** The side that connects, and knows whom to. Call `writeMessage1`, `readMessage2`, `split`, in this order. */
export class IkInitiator extends IkHandshake {
  readonly #remotePublicKey: Buffer;

  /** @throws SesameError secret-memory-exhausted */
  constructor(options: HandshakeOptions & { readonly remotePublicKey: Uint8Array }) {
    super(options);
    this.#remotePublicKey = Buffer.from(options.remotePublicKey);
    this.symmetric.mixHash(this.#remotePublicKey); // <- s
  }

  /** @param payload readable by whoever learns the responder's private key later, and replayable: no secrets, no commands */
  writeMessage1(payload: Uint8Array): Buffer {
    assertFits(payload.length + message1Overhead);
    return this.step(0, () => {
      this.symmetric.mixHash(this.ephemeral.publicKey); // e
      this.mixDh(this.ephemeral, this.#remotePublicKey); // es
      const sealedStatic = this.symmetric.encryptAndHash(this.staticKey.publicKey); // s
      this.mixDh(this.staticKey, this.#remotePublicKey); // ss
      return Buffer.concat([this.ephemeral.publicKey, sealedStatic, this.symmetric.encryptAndHash(payload)]);
    });
  }

  /**
   * @returns the payload
   * @throws SesameError handshake-failed
   */
  readMessage2(message: Uint8Array): Buffer {
    return this.step(1, () => {
      refuseLength(message, message2Overhead);
      const remoteEphemeral = message.subarray(0, keyLength);
      this.symmetric.mixHash(remoteEphemeral); // e
      this.mixDh(this.ephemeral, remoteEphemeral); // ee
      this.mixDh(this.staticKey, remoteEphemeral); // se
      const payload = this.symmetric.decryptAndHash(message.subarray(keyLength));
      if (payload === undefined) throw handshakeFailed('its answer is not authentic; the key it is known by may be an old one');
      return payload;
    });
  }

  /** The established connection. The handshake's own keys are wiped. */
  split(): NoiseTransport {
    return this.step(2, () => this.transport('initiator'));
  }
}

/** The side that is connected to. Call `readMessage1`, `writeMessage2`, `split`, in this order. */
export class IkResponder extends IkHandshake {
  #remotePublicKey: Buffer | undefined;
  #remoteEphemeral: Buffer | undefined;

  /** @throws SesameError secret-memory-exhausted */
  constructor(options: HandshakeOptions) {
    super(options);
    this.symmetric.mixHash(this.staticKey.publicKey); // <- s
  }

  /** The initiator's static public key. Whether it is alive, and no replay, is known once its first transport message decrypts. */
  get remotePublicKey(): Buffer {
    assert(this.#remotePublicKey !== undefined, 'the initiator is known after its first message');
    return this.#remotePublicKey;
  }

  /**
   * @returns the payload, which may be a replay
   * @throws SesameError handshake-failed
   */
  readMessage1(message: Uint8Array): Buffer {
    return this.step(0, () => {
      refuseLength(message, message1Overhead);
      const payloadStart = message1Overhead - tagLength;
      const remoteEphemeral = Buffer.from(message.subarray(0, keyLength));
      this.symmetric.mixHash(remoteEphemeral); // e
      this.mixDh(this.staticKey, remoteEphemeral); // es
      const remotePublicKey = this.symmetric.decryptAndHash(message.subarray(keyLength, payloadStart)); // s
      if (remotePublicKey === undefined)
        throw handshakeFailed('it expects another key, other processes or another cipher suite here');
      this.mixDh(this.staticKey, remotePublicKey); // ss
      const payload = this.symmetric.decryptAndHash(message.subarray(payloadStart));
      if (payload === undefined) throw handshakeFailed('it does not own the key that it claims');
      this.#remoteEphemeral = remoteEphemeral;
      this.#remotePublicKey = remotePublicKey;
      return payload;
    });
  }

  writeMessage2(payload: Uint8Array): Buffer {
    assertFits(payload.length + message2Overhead);
    return this.step(1, () => {
      const remoteEphemeral = this.#remoteEphemeral;
      assert(remoteEphemeral !== undefined, 'message 1 was read');
      this.symmetric.mixHash(this.ephemeral.publicKey); // e
      this.mixDh(this.ephemeral, remoteEphemeral); // ee
      this.mixDh(this.ephemeral, this.remotePublicKey); // se
      return Buffer.concat([this.ephemeral.publicKey, this.symmetric.encryptAndHash(payload)]);
    });
  }

  /** The established connection. The handshake's own keys are wiped. */
  split(): NoiseTransport {
    return this.step(2, () => this.transport('responder'));
  }
}

function refuseLength(message: Uint8Array, least: number): void {
  if (message.length < least || message.length > noiseMessageLimit) throw handshakeFailed(`it sent ${message.length} bytes`);
}

function assertFits(length: number): void {
  assert(length <= noiseMessageLimit, 'a Noise message has at most 65,535 bytes');
}

function handshakeFailed(reason: string): SesameError {
  return SesameError.of('handshake-failed', { daemon: 'the other side', reason });
}
