// SPDX-License-Identifier: MIT
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Paths } from '../../config/paths.ts';
import { describe, systemErrorCode, unreachable } from '../../core/errors.ts';
import { type Drive, driveOf } from '../../linux/drive.ts';
import type { StatusReport } from '../status-report.ts';
import { type Check, fail, pass, warn } from './check.ts';

/** How every database begins that nobody encrypted (sqlite.org/fileformat.html, 1.3.1). SQLCipher begins with a random salt. */
const plainHeader = Buffer.from('SQLite format 3\0', 'latin1');

/** The three layers that protect a secret at rest and in use, each without the others: drive, vault, memory. */
export function examineLayers({ state }: Paths, status: StatusReport): Check[] {
  return [examineDrive(state), examineVaultFiles(join(state, 'vaults')), examineMemory(status)];
}

function examineDrive(state: string): Check {
  const id = 'layers/drive';
  try {
    return checkOfDrive(driveOf(state));
  } catch (thrown) {
    if (systemErrorCode(thrown) === undefined) throw thrown;
    return warn(id, `${state} cannot be looked at: ${describe(thrown)}`, 'run this as root to see it');
  }
}

/** A device without a self-encrypting drive is no worse than it says: the other layers do not rest on this one. */
export function checkOfDrive(drive: Drive | undefined): Check {
  const id = 'layers/drive';
  if (drive === undefined) return pass(id, 'layer 1, drive: no: the vaults are on no drive of this machine');
  const { name, selfEncryption } = drive;
  switch (selfEncryption.kind) {
    case 'absent':
      return pass(id, `layer 1, drive: no: ${name} does not answer as a self-encrypting drive`);
    case 'locking':
      return pass(id, `layer 1, drive: yes: ${name} encrypts and locks itself`);
    case 'open':
      return warn(
        id,
        `layer 1, drive: no: ${name} encrypts itself, but for everyone: its locking is off`,
        'take ownership of the drive with sedutil-cli --initialsetup',
      );
    case 'unknown':
      return pass(id, `layer 1, drive: not known: ${name}: ${selfEncryption.cause}`);
    default:
      return unreachable(selfEncryption);
  }
}

/** @param directory of the vaults */
export function examineVaultFiles(directory: string): Check {
  const id = 'layers/vault';
  try {
    const files = readdirSync(directory).filter((name) => name.endsWith('.db'));
    const plain = files.filter((name) => isPlain(join(directory, name)));
    if (plain.length > 0)
      return fail(
        id,
        `layer 2, SQLCipher: no: ${plain.join(', ')} can be read by everyone who has the file`,
        'find out who replaced it',
      );
    return pass(id, files.length > 0 ? `layer 2, SQLCipher: yes: ${files.join(', ')}` : 'layer 2, SQLCipher: no vault yet');
  } catch (thrown) {
    const code = systemErrorCode(thrown);
    if (code === undefined) throw thrown;
    if (code === 'ENOENT') return pass(id, 'layer 2, SQLCipher: no vault yet');
    return pass(id, `layer 2, SQLCipher: not known: ${describe(thrown)}`);
  }
}

function isPlain(path: string): boolean {
  const descriptor = openSync(path, 'r');
  try {
    const header = Buffer.alloc(plainHeader.length);
    readSync(descriptor, header, 0, header.length, 0);
    return header.equals(plainHeader);
  } finally {
    closeSync(descriptor);
  }
}

/** Whether it is missing for a reason that can be removed is said by the daemon's own check. */
function examineMemory({ daemons }: StatusReport): Check {
  const id = 'layers/memory';
  const secrets = daemons.find(({ name }) => name === 'daemon-secrets');
  if (secrets?.reachable !== true) return pass(id, 'layer 3, memfd_secret: not known: daemon-secrets does not answer');
  const { protection } = secrets.secret_memory;
  if (protection === 'memfd_secret') return pass(id, 'layer 3, memfd_secret: yes');
  return pass(id, `layer 3, memfd_secret: no: secrets are in memory that is only locked (${protection})`);
}
