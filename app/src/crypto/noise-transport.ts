// SPDX-License-Identifier: MIT
import { assert, SesameError } from '../core/errors.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { CipherState, cipherKeyLength, tagLength } from './cipher-state.ts';
import type { NoiseCipher } from './suite.ts';

/** Longest Noise message in bytes (rev 34, section 3). */
export const noiseMessageLimit = 65_535;
/** Longest plaintext of one transport message in bytes. */
export const noisePlaintextLimit = noiseMessageLimit - tagLength;

/** The two directions of an established connection. Messages arrive in the order they were sent, or do not decrypt. */
export class NoiseTransport {
  readonly #keys: SecretBytes;
  readonly #sending: CipherState;
  readonly #receiving: CipherState;
  /** The same 32 bytes on both sides and on no other connection: a name for this one. */
  readonly handshakeHash: Buffer;

  /** @param keys 64 bytes, the initiator's sending key first; owned from here on */
  constructor(cipher: NoiseCipher, role: 'initiator' | 'responder', keys: SecretBytes, handshakeHash: Buffer) {
    const initiators = new CipherState(cipher, keys, 0);
    const responders = new CipherState(cipher, keys, cipherKeyLength);
    this.#keys = keys;
    this.#sending = role === 'initiator' ? initiators : responders;
    this.#receiving = role === 'initiator' ? responders : initiators;
    this.handshakeHash = handshakeHash;
  }

  /** @param plaintext at most 65,519 bytes; neither wiped nor kept */
  encrypt(plaintext: Uint8Array): Buffer {
    assert(plaintext.length <= noisePlaintextLimit, 'a Noise message has at most 65,535 bytes');
    return this.#sending.encrypt(plaintext);
  }

  /**
   * @returns the plaintext, which the caller wipes
   * @throws SesameError message-invalid when it was forged, altered, cut, repeated or reordered: the connection is to be closed
   */
  decrypt(ciphertext: Uint8Array): Buffer {
    const plaintext = ciphertext.length <= noiseMessageLimit ? this.#receiving.decrypt(ciphertext) : undefined;
    if (plaintext !== undefined) return plaintext;
    throw SesameError.of('message-invalid', { kind: 'from the other side', reason: 'it is not authentic or not the next one' });
  }

  /** Wipes the keys; nothing can be encrypted or decrypted any more. Calling it again does nothing. */
  destroy(): void {
    this.#keys.release();
  }
}
