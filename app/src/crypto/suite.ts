// SPDX-License-Identifier: MIT

/** What turns a password into a key. */
export type Kdf = 'argon2id' | 'pbkdf2-sha256';

/** What derives one key from another. */
export type Hkdf = 'blake3' | 'hkdf-sha256';

export type NoiseCipher = 'chacha-poly' | 'aes-gcm';
export type NoiseHash = 'blake2s' | 'sha256';

/** The choice that a vault is made with; it is recorded per vault and never changes. */
export interface VaultSuite {
  readonly kdf: Kdf;
  readonly hkdf: Hkdf;
}

/** The choice that both ends of the bus make alike: it is part of the Noise protocol's name. */
export interface NoiseSuite {
  readonly cipher: NoiseCipher;
  readonly hash: NoiseHash;
}

/** Upstream's choice, the only one that upstream opens. */
export const defaultVaultSuite: VaultSuite = { kdf: 'argon2id', hkdf: 'blake3' };

/** Noise_IK_25519_ChaChaPoly_BLAKE2s. */
export const defaultNoiseSuite: NoiseSuite = { cipher: 'chacha-poly', hash: 'blake2s' };
