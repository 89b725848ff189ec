// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../core/exit.ts';

/** What each exit code says, for help and manual pages. */
export const exitMeanings: Readonly<Record<ExitCode, string>> = {
  [Exit.done]: 'done',
  [Exit.unexpected]: 'failed unexpectedly',
  [Exit.usage]: 'the command line is wrong',
  [Exit.notInitialised]: 'the profile has no vault yet',
  [Exit.locked]: 'the vault is locked',
  [Exit.denied]: 'denied by clearance, access rules or rate limit',
  [Exit.notFound]: 'there is no such thing',
  [Exit.alreadySo]: 'it is so already',
  [Exit.authenticationFailed]: 'the evidence does not open the vault',
  [Exit.bootStateChanged]: 'the boot state changed',
  [Exit.tpmUnavailable]: 'the TPM is unavailable or locked out',
  [Exit.damaged]: 'data is damaged',
  [Exit.storage]: 'the storage is full, read-only or failing',
  [Exit.unreachable]: 'a daemon is out of reach or did not answer in time',
  [Exit.configuration]: 'the configuration is invalid',
};

/** Codes that every command may end with. */
export const commonExits: readonly ExitCode[] = [Exit.done, Exit.unexpected, Exit.usage];
