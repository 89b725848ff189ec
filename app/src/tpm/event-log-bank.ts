// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';

/** A set of PCRs that share a hash algorithm. */
export type EventLogBank = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** TPM_ALG_ID (TPM 2.0 library, part 2, table 9) and the digest's size in bytes. */
export const eventLogBanks: Readonly<Record<EventLogBank, { readonly id: number; readonly size: number }>> = {
  sha1: { id: 0x0004, size: 20 },
  sha256: { id: 0x000b, size: 32 },
  sha384: { id: 0x000c, size: 48 },
  sha512: { id: 0x000d, size: 64 },
};

export const eventLogBankNames: readonly EventLogBank[] = ['sha1', 'sha256', 'sha384', 'sha512'];

/** The bank of a TPM_ALG_ID, or undefined for one that this program does not compute. */
export function eventLogBank(id: number): EventLogBank | undefined {
  return eventLogBankNames.find((name) => eventLogBanks[name].id === id);
}

/** What a TPM makes of a PCR when a digest is extended into it: the hash of its old value and the digest. */
export function extended(bank: EventLogBank, value: Buffer, digest: Buffer): Buffer {
  return createHash(bank).update(value).update(digest).digest();
}

/** What a measurement of these bytes is logged with and extended by. */
export function measurement(bank: EventLogBank, ...bytes: readonly Uint8Array[]): Buffer {
  const hash = createHash(bank);
  for (const part of bytes) hash.update(part);
  return hash.digest();
}
