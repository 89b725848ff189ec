// SPDX-License-Identifier: MIT
import { createDecipheriv } from 'node:crypto';
import { hashRaw } from '@node-rs/argon2';
import { b3sumDeriveKey } from '../../app/test/crypto/oracle.ts';
import { type Device, password } from '../harness/device.ts';

/** As @node-rs/argon2 numbers them; its names are constant enums, which a file by itself cannot use. */
const argon2id = 2;
const version0x13 = 1;

/**
 * Password key, master key, vault key and entry key of a device's vault that a password opens, computed here from the password and the
 * files on the device, so that a search can look for them.
 */
export async function keysOf(device: Device): Promise<[Buffer, Buffer, Buffer, Buffer]> {
  const read = async (name: string): Promise<Buffer> =>
    Buffer.from(await device.must(`base64 -w 0 /var/lib/pds/vaults/device.${name}`), 'base64');
  const parameters = { algorithm: argon2id, version: version0x13, memoryCost: 19456, timeCost: 2, parallelism: 1 };
  const passwordKey = await hashRaw(password, { ...parameters, outputLen: 32, salt: await read('salt') });
  const masterKey = open(passwordKey, await read('password-wrap'));
  const vaultKey = b3sumDeriveKey('pds v2 vault-key device', masterKey);
  return [passwordKey, masterKey, vaultKey, b3sumDeriveKey('pds v2 entry-encryption-key', vaultKey)];
}

/** Version || nonce || AES-256-GCM, as FORMATS has a password-wrap; authentication shows that the key is the right one. */
function open(key: Buffer, wrap: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, wrap.subarray(1, 13));
  decipher.setAuthTag(wrap.subarray(-16));
  return Buffer.concat([decipher.update(wrap.subarray(13, -16)), decipher.final()]);
}
