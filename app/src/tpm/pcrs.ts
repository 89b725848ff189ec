// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { Esys } from '../linux/tss2/esys.ts';
import { type PcrSelection, type PcrValues, pcrsOfBitmap, selectionWire } from './pcr-selection.ts';
import { sized, WireReader } from './wire.ts';

/**
 * Reads PCRs. The TPM gives at most eight values at once.
 * @throws SesameError tpm-bank-missing when the TPM keeps no such bank or PCR
 */
export async function readPcrs(esys: Esys, selection: PcrSelection): Promise<PcrValues> {
  const values = new Map<number, Buffer>();
  let missing = selection.pcrs;
  while (missing.length > 0) {
    const [, read, digests] = await esys.run('PCR_Read', [], selectionWire({ ...selection, pcrs: missing }));
    const pcrs = pcrsOf(read);
    const list = new WireReader(digests);
    const count = list.u32();
    if (count === 0) throw SesameError.of('tpm-bank-missing', { pcrs: missing.join(', '), bank: selection.bank });
    for (const pcr of pcrs.slice(0, count)) values.set(pcr, list.sized());
    missing = missing.filter((pcr) => !values.has(pcr));
  }
  return values;
}

/** TPM2_PCR_Event: adds the hash of an event, up to 1024 bytes, to what a PCR holds, in every bank with the bank's own hash. */
export async function extendByEvent(esys: Esys, pcr: number, event: Buffer, authorisation: number): Promise<void> {
  await esys.run('PCR_Event', pcr, [authorisation], sized(event));
}

export function allZero(values: PcrValues): boolean {
  return [...values.values()].every((value) => value.every((byte) => byte === 0));
}

/** The PCRs that a TPML_PCR_SELECTION with one bank names. */
function pcrsOf(selection: Buffer): number[] {
  const reader = new WireReader(selection);
  const banks = reader.u32();
  if (banks === 0) return [];
  reader.u16();
  return pcrsOfBitmap(reader.bytes(reader.u8()));
}
