// SPDX-License-Identifier: MIT
import type { CommandDefinition } from './definition.ts';
import { approvalCommands } from './definitions/approval.ts';
import { profileCommands } from './definitions/profile.ts';
import { secretCommands } from './definitions/secret.ts';
import { sshCommands } from './definitions/ssh.ts';
import { systemCommands } from './definitions/system.ts';
import { tpmCommands } from './definitions/tpm.ts';
import { vaultCommands } from './definitions/vault.ts';

/** Every command, in the order in which help and manual pages show them. */
export const commands: readonly CommandDefinition[] = [
  ...vaultCommands,
  ...secretCommands,
  ...profileCommands,
  ...sshCommands,
  ...tpmCommands,
  ...approvalCommands,
  ...systemCommands,
];
