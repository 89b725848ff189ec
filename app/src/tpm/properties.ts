// SPDX-License-Identifier: MIT
import type { Esys } from '../linux/tss2/esys.ts';
import { TPM_CAP } from './constants.ts';
import { WireReader } from './wire.ts';

/** TPM_PT (TPM 2.0 Library part 2, 6.13). */
const TPM_PT = {
  MANUFACTURER: 0x105,
  VENDOR_STRING_1: 0x106,
  VENDOR_STRING_4: 0x109,
  FIRMWARE_VERSION_1: 0x10b,
  FIRMWARE_VERSION_2: 0x10c,
  PERMANENT: 0x200,
  HR_PERSISTENT_AVAIL: 0x209,
  LOCKOUT_COUNTER: 0x20e,
  MAX_AUTH_FAIL: 0x20f,
  LOCKOUT_INTERVAL: 0x210,
  LOCKOUT_RECOVERY: 0x211,
  NV_WRITE_RECOVERY: 0x212,
} as const;

/** TPMA_PERMANENT. */
const ownerAuthSet = 0x001;
const inLockout = 0x200;

/** How the TPM defends authorisation values, a PIN for one, against guessing. */
export interface DictionaryAttackState {
  readonly tries: number;
  readonly maximumTries: number;
  /** Seconds of power after which one try is forgiven. */
  readonly intervalSeconds: number;
  readonly lockedOut: boolean;
}

export interface TpmProperties {
  /** As the TCG registers vendors, such as "IBM" or "IFX". */
  readonly manufacturer: string;
  readonly model: string;
  readonly firmware: string;
  readonly ownerProtected: boolean;
  readonly dictionaryAttack: DictionaryAttackState;
  /** How many more persistent objects there is room for. */
  readonly persistentHandlesLeft: number;
  /** Milliseconds until the NV memory takes another write; not 0 when it is written too often. */
  readonly nvRecoveryMs: number;
}

export async function readProperties(esys: Esys): Promise<TpmProperties> {
  const values = new Map([...(await readGroup(esys, 0x100)), ...(await readGroup(esys, 0x200))]);
  const value = (property: number) => values.get(property) ?? 0;
  const model = Array.from({ length: TPM_PT.VENDOR_STRING_4 - TPM_PT.VENDOR_STRING_1 + 1 }, (_, index) =>
    ascii(value(TPM_PT.VENDOR_STRING_1 + index)),
  );
  const version = [value(TPM_PT.FIRMWARE_VERSION_1), value(TPM_PT.FIRMWARE_VERSION_2)];
  return {
    manufacturer: ascii(value(TPM_PT.MANUFACTURER)),
    model: model.join(''),
    firmware: version.flatMap((half) => [half >>> 16, half & 0xffff]).join('.'),
    ownerProtected: (value(TPM_PT.PERMANENT) & ownerAuthSet) !== 0,
    dictionaryAttack: {
      tries: value(TPM_PT.LOCKOUT_COUNTER),
      maximumTries: value(TPM_PT.MAX_AUTH_FAIL),
      intervalSeconds: value(TPM_PT.LOCKOUT_INTERVAL),
      lockedOut: (value(TPM_PT.PERMANENT) & inLockout) !== 0,
    },
    persistentHandlesLeft: value(TPM_PT.HR_PERSISTENT_AVAIL),
    nvRecoveryMs: value(TPM_PT.NV_WRITE_RECOVERY),
  };
}

/** A group of properties: fixed ones from 0x100 on, variable ones from 0x200 on. */
async function readGroup(esys: Esys, first: number): Promise<Map<number, number>> {
  const most = 64;
  const [, data] = await esys.run('GetCapability', [], TPM_CAP.TPM_PROPERTIES, first, most);
  const reader = new WireReader(data);
  reader.u32();
  const count = reader.u32();
  return new Map(Array.from({ length: count }, () => [reader.u32(), reader.u32()]));
}

/** Four characters in a number, as the TPM gives text. */
function ascii(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '')
    .trim();
}
