// SPDX-License-Identifier: MIT
import { createDecipheriv } from 'node:crypto';
import { hashRaw } from '@node-rs/argon2';
import { parseEnrolment } from '../../app/src/tpm/enrolment.ts';
import type { SealedData } from '../../app/src/tpm/sealed-data.ts';
import { b3sumDeriveKey } from '../../app/test/crypto/oracle.ts';
import { type Device, password } from '../harness/device.ts';

/** As @node-rs/argon2 numbers them; its names are constant enums, which a file by itself cannot use. */
const argon2id = 2;
const version0x13 = 1;

async function read(device: Device, name: string): Promise<Buffer> {
  return Buffer.from(await device.must(`base64 -w 0 /var/lib/pds/vaults/device.${name}`), 'base64');
}

/**
 * Password key, master key, vault key and entry key of a device's vault that a password opens, computed here from the password and the
 * files on the device, so that a search can look for them.
 */
export async function keysOf(device: Device): Promise<[Buffer, Buffer, Buffer, Buffer]> {
  const parameters = { algorithm: argon2id, version: version0x13, memoryCost: 19456, timeCost: 2, parallelism: 1 };
  const passwordKey = await hashRaw(password, { ...parameters, outputLen: 32, salt: await read(device, 'salt') });
  const masterKey = open(passwordKey, await read(device, 'password-wrap'));
  const vaultKey = b3sumDeriveKey('pds v2 vault-key device', masterKey);
  return [passwordKey, masterKey, vaultKey, b3sumDeriveKey('pds v2 entry-encryption-key', vaultKey)];
}

/** The master key that is wrapped behind what the TPM of a device seals. */
export async function masterKeyBehind(device: Device, sealedKey: Buffer): Promise<Buffer> {
  const { wrappedKey } = parseEnrolment('device.tpm-enrollment', await read(device, 'tpm-enrollment'));
  return open(b3sumDeriveKey('pds v2 tpm-kek device', sealedKey), wrappedKey);
}

/** What the TPM of a device can load, for programs that are not ours. */
export async function sealedDataOf(device: Device): Promise<SealedData> {
  return parseEnrolment('device.tpm-enrollment', await read(device, 'tpm-enrollment')).sealed;
}

/** Version || nonce || AES-256-GCM, as FORMATS has a password-wrap; authentication shows that the key is the right one. */
function open(key: Buffer, wrap: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, wrap.subarray(1, 13));
  decipher.setAuthTag(wrap.subarray(-16));
  return Buffer.concat([decipher.update(wrap.subarray(13, -16)), decipher.final()]);
}
