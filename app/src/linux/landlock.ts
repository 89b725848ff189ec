// SPDX-License-Identifier: MIT
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { systemErrorCode } from '../core/errors.ts';
import { close, landlockAddRule, landlockCreateRuleset, landlockRestrictSelf, landlockVersion } from './libc.ts';

/** What may be done with a file or with everything below a directory, by the names of landlock(7). */
const rights = {
  execute: 1 << 0,
  writeFile: 1 << 1,
  readFile: 1 << 2,
  readDirectory: 1 << 3,
  removeDirectory: 1 << 4,
  removeFile: 1 << 5,
  makeCharacterDevice: 1 << 6,
  makeDirectory: 1 << 7,
  makeFile: 1 << 8,
  makeSocket: 1 << 9,
  makeFifo: 1 << 10,
  makeBlockDevice: 1 << 11,
  makeSymbolicLink: 1 << 12,
  /** Renaming from one directory to another. */
  refer: 1 << 13,
  truncate: 1 << 14,
  deviceControl: 1 << 15,
} as const;

export type Right = keyof typeof rights;

const forFiles: readonly Right[] = ['execute', 'writeFile', 'readFile', 'truncate', 'deviceControl'];

/** The ABI that first knew a right; 1 where it is not named. */
const sinceAbi: Partial<Record<Right, number>> = { refer: 2, truncate: 3, deviceControl: 5 };
const tcpSinceAbi = 4;
const scopesSinceAbi = 6;

/** The first version with which files can be renamed across directories, without which no vault is made. */
export const oldestLandlock = 2;

const bindAndConnectTcp = 1 | 2;
const scopeAbstractSockets = 1;
const scopeSignals = 2;
const openPathOnly = 0o10000000;

export interface PathRule {
  readonly path: string;
  readonly allow: readonly Right[];
}

export interface LandlockOptions {
  /** Whether abstract Unix sockets of others stay within reach, as a supervisor may have one. */
  readonly abstractSockets: boolean;
  /** Whether TCP stays open. */
  readonly tcp: boolean;
  /** What is refused unless a rule names it; all rights when absent. */
  readonly givenUp?: readonly Right[];
}

/**
 * The version of Landlock that the kernel offers.
 * @returns errno: ENOSYS where it was not built in, EOPNOTSUPP where it was not switched on at boot
 */
export function landlockAbi(): { readonly abi: number; readonly errno: number } {
  const { value, errno } = landlockVersion();
  return { abi: errno === 0 ? value : 0, errno };
}

/**
 * Takes from the calling thread, and from what it becomes, what the rules do not name (landlock(7)): access to files,
 * TCP from ABI 4 on, and from ABI 6 on signals and abstract sockets beyond itself. Other threads stay as they are. Needs
 * `forbidNewPrivileges` first.
 *
 * What is missing or cannot be reached is left out: whoever needs it says so when it is opened.
 * @returns 0 or the errno of what failed
 */
export function restrictAccess(abi: number, rules: readonly PathRule[], options: LandlockOptions): number {
  const { value: ruleset, errno } = landlockCreateRuleset(rulesetAttributes(abi, options));
  if (errno !== 0) return errno;
  try {
    for (const rule of rules) {
      const refused = addRule(ruleset, abi, rule);
      if (refused !== 0) return refused;
    }
    return landlockRestrictSelf(ruleset).errno;
  } finally {
    close(ruleset);
  }
}

/** struct landlock_ruleset_attr: what is forbidden unless a rule allows it. Members that a kernel does not know must be zero. */
function rulesetAttributes(abi: number, { abstractSockets, tcp, givenUp = rightNames() }: LandlockOptions): Buffer {
  const attributes = Buffer.alloc(24);
  attributes.writeBigUInt64LE(BigInt(bitsOf(givenUp, abi)), 0);
  attributes.writeBigUInt64LE(BigInt(abi >= tcpSinceAbi && !tcp ? bindAndConnectTcp : 0), 8);
  const scopes = abstractSockets ? scopeSignals : scopeSignals | scopeAbstractSockets;
  attributes.writeBigUInt64LE(BigInt(abi >= scopesSinceAbi ? scopes : 0), 16);
  return attributes;
}

/** struct landlock_path_beneath_attr, packed: the rights, then a descriptor of the place. */
function addRule(ruleset: number, abi: number, { path, allow }: PathRule): number {
  const place = openPlace(path);
  if (place === undefined) return 0;
  try {
    const possible = fstatSync(place).isDirectory() ? allow : allow.filter((right) => forFiles.includes(right));
    const attributes = Buffer.alloc(12);
    attributes.writeBigUInt64LE(BigInt(bitsOf(possible, abi)), 0);
    attributes.writeInt32LE(place, 8);
    return landlockAddRule(ruleset, attributes).errno;
  } finally {
    closeSync(place);
  }
}

function openPlace(path: string): number | undefined {
  try {
    return openSync(path, openPathOnly | constants.O_RDONLY);
  } catch (thrown) {
    if (systemErrorCode(thrown) !== undefined) return undefined;
    throw thrown;
  }
}

function bitsOf(wanted: readonly Right[], abi: number): number {
  return wanted.filter((right) => (sinceAbi[right] ?? 1) <= abi).reduce((bits, right) => bits | rights[right], 0);
}

function rightNames(): Right[] {
  return Object.keys(rights).filter((name): name is Right => Object.hasOwn(rights, name));
}
