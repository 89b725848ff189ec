// SPDX-License-Identifier: MIT
import { createHash, randomFillSync } from 'node:crypto';
import { assert } from './errors.ts';

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether the text is a UUID in its canonical lower-case form (RFC 9562, section 4). */
export function isUuid(text: string): boolean {
  return pattern.test(text);
}

/** The 16 bytes of a UUID. */
export function uuidBytes(uuid: string): Buffer {
  assert(isUuid(uuid), 'a canonical UUID');
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

/** Name-based UUID, version 5 (RFC 9562, section 5.5). */
export function uuidV5(namespace: string, name: string): string {
  const hash = createHash('sha1').update(uuidBytes(namespace)).update(name, 'utf8').digest().subarray(0, 16);
  return format(hash, 5);
}

/** Time-ordered UUID, version 7 (RFC 9562, section 5.7). */
export function uuidV7(wallMs: number): string {
  const bytes = nextRandom();
  bytes.writeUIntBE(Math.max(0, Math.trunc(wallMs)) % 2 ** 48, 0, 6);
  return format(bytes, 7);
}

// One request on the bus takes several ids, and asking the kernel for each costs more than making the id.
const random = Buffer.alloc(4096);
let used = random.length;

function nextRandom(): Buffer {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  used += 16;
  return random.subarray(used - 16, used);
}

function format(bytes: Buffer, version: number): string {
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | (version << 4), 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
