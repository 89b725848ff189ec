// SPDX-License-Identifier: MIT
import { closeSync, existsSync, openSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, systemErrorCode } from '../core/errors.ts';
import { errnoName, ioctl } from './libc.ts';

/** What a drive answers to TCG discovery: whether it encrypts by itself, and whether that protects anything. */
export type SelfEncryption =
  | { readonly kind: 'absent' }
  /** It encrypts, but decrypts for everyone: nobody has taken ownership of it. */
  | { readonly kind: 'open' }
  /** Without its password, given after power-on, it hands out nothing. */
  | { readonly kind: 'locking' }
  | { readonly kind: 'unknown'; readonly cause: string };

export interface Drive {
  /** As the kernel names it, without /dev. */
  readonly name: string;
  readonly selfEncryption: SelfEncryption;
}

/** IOC_OPAL_GET_STATUS of linux/sed-opal.h, Linux 6.1: _IOR('p', 236, struct opal_status), which is flags and a reserved word. */
const getStatusRequest = 0x800870ec;
const statusBytes = 8;
const flags = { supported: 0x01, lockingEnabled: 0x04 } as const;

/** The drive below a file, if there is one: not below a file system in memory or over the network. */
export function driveOf(path: string, root = '/'): Drive | undefined {
  const { dev } = statSync(path);
  const name = wholeDrive(join(root, 'sys/dev/block', deviceNumber(dev)));
  return name === undefined ? undefined : { name, selfEncryption: discover(join(root, 'dev', name)) };
}

/** `major:minor` of a st_dev, split as glibc's gnu_dev_major(3) does. */
export function deviceNumber(dev: number): string {
  const bits = BigInt(dev);
  const major = ((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n);
  const minor = (bits & 0xffn) | ((bits >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** From a partition to its disk, and from a mapping of dm-crypt or dm-verity to what it lies on. */
function wholeDrive(link: string): string | undefined {
  if (!existsSync(link)) return undefined;
  const entry = realpathSync(link);
  if (existsSync(join(entry, 'partition'))) return basename(dirname(entry));
  const [below] = existsSync(join(entry, 'slaves')) ? readdirSync(join(entry, 'slaves')) : [];
  return below === undefined ? basename(entry) : wholeDrive(join(entry, 'slaves', below));
}

/** Asks the drive through the kernel, which sends it TCG discovery when it has one that answers. */
function discover(device: string): SelfEncryption {
  let descriptor: number;
  try {
    descriptor = openSync(device, 'r');
  } catch (thrown) {
    if (systemErrorCode(thrown) === undefined) throw thrown;
    return { kind: 'unknown', cause: describe(thrown) };
  }
  try {
    const status = Buffer.alloc(statusBytes);
    const { errno } = ioctl(descriptor, getStatusRequest, status);
    return selfEncryption(errno === 0 ? undefined : errnoName(errno), status.readUInt32LE());
  } finally {
    closeSync(descriptor);
  }
}

/**
 * What the kernel's answer means.
 * @param error name of the errno; ENOTTY: the kernel knows of no TCG interface of this drive, or was built without CONFIG_BLK_SED_OPAL
 */
export function selfEncryption(error: string | undefined, status: number): SelfEncryption {
  if (error === 'ENOTTY' || error === 'EOPNOTSUPP' || error === 'EINVAL') return { kind: 'absent' };
  if (error === 'EACCES' || error === 'EPERM') return { kind: 'unknown', cause: 'only root may ask the drive' };
  if (error !== undefined) return { kind: 'unknown', cause: error };
  if ((status & flags.supported) === 0) return { kind: 'absent' };
  return { kind: (status & flags.lockingEnabled) === 0 ? 'open' : 'locking' };
}
