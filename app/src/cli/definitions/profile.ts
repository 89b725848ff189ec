// SPDX-License-Identifier: MIT
import { Exit } from '../../core/exit.ts';
import type { ArgumentDefinition, CommandDefinition } from '../definition.ts';
import { evidenceOrder, jsonOption, passwordStdin, profileArgument, profileOption, recoveryStdin } from './options.ts';

const factorArgument: ArgumentDefinition = { name: 'FACTOR', choices: ['password', 'recovery'], description: 'the factor' };

export const profileCommands: readonly CommandDefinition[] = [
  {
    name: 'profile list',
    summary: 'list the profiles',
    description: ['On a terminal as a table; elsewhere bare names, one a line.'],
    arguments: [],
    options: [jsonOption],
    examples: [{ text: 'List them', line: 'sesame profile list' }],
    exits: [Exit.denied, Exit.unreachable],
    load: () => import('../commands/profile-list.ts'),
  },
  {
    name: 'profile activate',
    summary: 'make a profile active',
    description: ['Several profiles may be active at once.'],
    arguments: [profileArgument],
    options: [profileOption],
    examples: [{ text: 'Activate one', line: 'sesame profile activate device' }],
    exits: [Exit.denied, Exit.notFound, Exit.alreadySo, Exit.storage, Exit.unreachable],
    load: () => import('../commands/profile-activate.ts'),
  },
  {
    name: 'profile deactivate',
    summary: 'make a profile inactive',
    description: ['Its vault is locked.'],
    arguments: [profileArgument],
    options: [profileOption],
    examples: [{ text: 'Deactivate one', line: 'sesame profile deactivate device' }],
    exits: [Exit.denied, Exit.notFound, Exit.alreadySo, Exit.storage, Exit.unreachable],
    load: () => import('../commands/profile-deactivate.ts'),
  },
  {
    name: 'profile default',
    summary: 'show or choose the default profile',
    description: ['Without PROFILE the default profile is printed.'],
    arguments: [profileArgument],
    options: [profileOption],
    examples: [{ text: 'Choose one', line: 'sesame profile default device' }],
    exits: [Exit.denied, Exit.notFound, Exit.storage, Exit.unreachable],
    load: () => import('../commands/profile-default.ts'),
  },
  {
    name: 'profile show',
    summary: 'show one profile: its state, factors and policy',
    description: ['Without PROFILE the default profile is shown.'],
    arguments: [profileArgument],
    options: [profileOption, jsonOption],
    examples: [{ text: 'Show one', line: 'sesame profile show device' }],
    exits: [Exit.denied, Exit.notFound, Exit.unreachable],
    load: () => import('../commands/profile-show.ts'),
  },
  {
    name: 'factor list',
    summary: 'list what opens a vault',
    description: ['On a terminal as a table; elsewhere bare names, one a line.'],
    arguments: [],
    options: [profileOption, jsonOption],
    examples: [{ text: 'List them', line: 'sesame factor list -p device' }],
    exits: [Exit.notInitialised, Exit.denied, Exit.damaged, Exit.unreachable],
    load: () => import('../commands/factor-list.ts'),
  },
  {
    name: 'factor add',
    summary: 'add a way into a vault',
    description: [
      'The vault must be unlocked. Where the policy is "all", the evidence of every enrolled factor is needed as well. `factor add recovery` ' +
        'makes a recovery key and prints it on standard output, once.',
      evidenceOrder,
    ],
    arguments: [factorArgument],
    options: [profileOption, passwordStdin, recoveryStdin, jsonOption],
    examples: [{ text: 'A recovery key for a vault that has none', line: 'sesame factor add recovery -p device' }],
    exits: [
      Exit.notInitialised,
      Exit.locked,
      Exit.denied,
      Exit.alreadySo,
      Exit.authenticationFailed,
      Exit.storage,
      Exit.unreachable,
    ],
    load: () => import('../commands/factor-add.ts'),
  },
  {
    name: 'factor replace',
    summary: 'change the password, or make a new recovery key',
    description: [
      'The vault must be unlocked; then the old one is not asked for and opens the vault no longer. This is how a password is changed, also ' +
        'when it is the only factor. --password-stdin reads the new password. `factor replace recovery` makes a new recovery key and prints ' +
        'it on standard output, once.',
      'Where the policy is "all", the evidence of every other factor is needed as well, and the vault gets a new master key.',
      'Old copies of the factor file still open old copies of the vault: `sesame rekey` ends that.',
      evidenceOrder,
    ],
    arguments: [factorArgument],
    options: [profileOption, passwordStdin, recoveryStdin, jsonOption],
    examples: [{ text: 'Change the password', line: 'sesame factor replace password -p device' }],
    exits: [
      Exit.notInitialised,
      Exit.locked,
      Exit.denied,
      Exit.notFound,
      Exit.authenticationFailed,
      Exit.storage,
      Exit.unreachable,
    ],
    load: () => import('../commands/factor-replace.ts'),
  },
  {
    name: 'factor remove',
    summary: 'remove a way into a vault',
    description: [
      'The last factor cannot be removed. Old copies of the factor file still open old copies of the vault: `sesame rekey` ends that.',
      evidenceOrder,
    ],
    arguments: [factorArgument],
    options: [profileOption, passwordStdin, recoveryStdin],
    examples: [{ text: 'Remove the recovery key', line: 'sesame factor remove recovery -p device' }],
    exits: [
      Exit.notInitialised,
      Exit.locked,
      Exit.denied,
      Exit.notFound,
      Exit.authenticationFailed,
      Exit.storage,
      Exit.unreachable,
    ],
    load: () => import('../commands/factor-remove.ts'),
  },
];
