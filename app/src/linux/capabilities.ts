// SPDX-License-Identifier: MIT
import { capget, capset, prctl, requireSuccess } from './libc.ts';

// linux/capability.h, linux/prctl.h
const version3 = 0x2008_0522;
const dropFromBoundingSet = 24;
const ambientSet = 47;
const clearAll = 4;

/** Passes by who owns a file and what its mode says (capabilities(7), CAP_DAC_OVERRIDE). */
export const overrideFileModes = 1;

/**
 * Gives up every capability but those named, in every set, for the calling thread and for what it becomes: with no_new_privs none comes back, not
 * even to root (capabilities(7)). What this thread does not have is not had afterwards either. Needs `forbidNewPrivileges` for what it becomes.
 */
export function keepCapabilities(kept: readonly number[]): void {
  clearBoundingSet(kept);
  const held = permitted();
  const mask = kept.reduce((bits, capability) => bits | (1n << BigInt(capability)), 0n) & held;
  requireSuccess(capset(header(), sets(mask)).errno, 'capset');
  // Kernels before 4.3 have no such set.
  prctl(ambientSet, clearAll);
}

/** Only who has CAP_SETPCAP can, and others get nothing from it. */
function clearBoundingSet(kept: readonly number[]): void {
  const most = 64;
  for (let capability = 0; capability < most; capability += 1) {
    if (kept.includes(capability)) continue;
    // EINVAL is said of the first that the kernel does not know.
    if (prctl(dropFromBoundingSet, capability).errno !== 0) return;
  }
}

function permitted(): bigint {
  const data = Buffer.alloc(24);
  const { errno } = capget(header(), data);
  requireSuccess(errno, 'capget');
  return BigInt(data.readUInt32LE(4)) | (BigInt(data.readUInt32LE(16)) << 32n);
}

/** struct __user_cap_header_struct: the version, and 0 for the calling thread. */
function header(): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(version3);
  return bytes;
}

/** Two of struct __user_cap_data_struct: effective, permitted and inheritable, 32 of each at a time. */
function sets(mask: bigint): Buffer {
  const bytes = Buffer.alloc(24);
  for (const [index, part] of [mask & 0xffff_ffffn, mask >> 32n].entries()) {
    bytes.writeUInt32LE(Number(part), 12 * index);
    bytes.writeUInt32LE(Number(part), 12 * index + 4);
  }
  return bytes;
}
