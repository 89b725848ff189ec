// SPDX-License-Identifier: MIT
import { assert } from '../core/errors.ts';
import { readBounded } from './files.ts';
import { clockGettime, requireSuccess } from './libc.ts';

const clockBootTime = 7;

/**
 * A UUID that the kernel draws at every boot (random(4)): what tells one boot from the next where no clock can.
 * @throws SesameError file-unreadable
 */
export function bootId(): string {
  const text = readText('/proc/sys/kernel/random/boot_id');
  assert(text !== undefined, 'the kernel has a boot_id');
  return text;
}

/** Milliseconds since the boot, time asleep included; never goes backwards within one boot (clock_gettime(2), CLOCK_BOOTTIME). */
export function bootTimeMs(): number {
  const time = Buffer.alloc(16); // struct timespec: seconds, nanoseconds
  const { errno } = clockGettime(clockBootTime, time);
  requireSuccess(errno, 'CLOCK_BOOTTIME');
  return Number(time.readBigInt64LE(0)) * 1000 + Number(time.readBigInt64LE(8)) / 1e6;
}

/**
 * The text of machine-id(5), trimmed; undefined while the machine has none: no file, an empty one, or `uninitialized` on a first boot.
 * @throws SesameError file-unreadable
 */
export function machineId(path = '/etc/machine-id'): string | undefined {
  const text = readText(path);
  return text === undefined || text === '' || text === 'uninitialized' ? undefined : text;
}

function readText(path: string): string | undefined {
  return readBounded(path, 4096)?.toString().trim();
}
