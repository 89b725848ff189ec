// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Blake3Case {
  readonly input_len: number;
  readonly hash: string;
  readonly keyed_hash: string;
  readonly derive_key: string;
}

export interface Blake3Vectors {
  readonly key: string;
  readonly context_string: string;
  readonly cases: readonly Blake3Case[];
}

export interface NoiseVector {
  readonly protocol_name: string;
  readonly init_prologue: string;
  readonly init_static: string;
  readonly init_ephemeral: string;
  readonly init_remote_static: string;
  readonly resp_prologue: string;
  readonly resp_static: string;
  readonly resp_ephemeral: string;
  readonly handshake_hash?: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

export interface Argon2Vector {
  readonly common: {
    readonly password_hex: string;
    readonly salt_hex: string;
    readonly secret_hex: string;
    readonly ad_hex: string;
    readonly t: number;
    readonly m_kib: number;
    readonly p: number;
    readonly version: number;
    readonly tag_len: number;
  };
  readonly argon2id_tag: string;
}

/** The official test vectors of BLAKE3. */
export const blake3Vectors: Blake3Vectors = parse('blake3_test_vectors.json');
/** RFC 9106, section 5. */
export const argon2Vector: Argon2Vector = parse('rfc9106_argon2.json');
/** All IK vectors of two independent implementations. */
export const noiseVectors = ['snow', 'cacophony'].flatMap((source) => {
  const file: { vectors: NoiseVector[] } = parse(`noise_ik_${source}.json`);
  return file.vectors.map((vector) => ({ source, vector }));
});

/** The input of every BLAKE3 vector: 0, 1, … 250, 0, 1, … */
export function blake3Input(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => index % 251));
}

function parse(name: string) {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../vectors', name), 'utf8'));
}
