// SPDX-License-Identifier: MIT
import { createCipheriv, createDecipheriv } from 'node:crypto';

const algorithm = 'chacha20-poly1305';
const options = { authTagLength: 16 };
const key = Buffer.alloc(32, 1);
const nonce = Buffer.alloc(12);

/** What Node takes to encrypt a message as the bus does, and nothing more; key and nonce are always the same. */
export function seal(plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv(algorithm, key, nonce, options);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([ciphertext, cipher.getAuthTag()]);
}

export function open(sealed: Buffer): Buffer {
  const decipher = createDecipheriv(algorithm, key, nonce, options);
  decipher.setAuthTag(sealed.subarray(-options.authTagLength));
  const plaintext = decipher.update(sealed.subarray(0, -options.authTagLength));
  decipher.final();
  return plaintext;
}
