// SPDX-License-Identifier: MIT
import { Exit } from '../../core/exit.ts';
import type { CommandDefinition } from '../definition.ts';
import { agentSocket, evidenceOrder, jsonOption, passwordStdin, profileOption, recoveryStdin, sshKeyOptions } from './options.ts';

export const sshCommands: readonly CommandDefinition[] = [
  {
    name: 'ssh list',
    summary: 'list the keys of the ssh agent',
    description: [
      'On a terminal as a table that says which key can open a vault, and why another one cannot; elsewhere the fingerprints of those that can, one a ' +
        'line. Needs no daemons.',
      'A key is derived from a signature, so only what signs the same bytes each time can serve: Ed25519, and RSA of 2,048 bits or more.',
    ],
    arguments: [],
    options: [agentSocket, jsonOption],
    examples: [{ text: 'List them', line: 'sesame ssh list' }],
    exits: [Exit.authenticationFailed, Exit.unreachable],
    load: () => import('../commands/ssh-list.ts'),
  },
  {
    name: 'ssh enroll',
    summary: 'let a key of the ssh agent open a vault',
    description: [
      'The same as `sesame factor add ssh-agent`. The vault must be unlocked. The agent signs twice, and what it signs is the same at every unlock.',
      'The key is named with --fingerprint or --key; otherwise it is the only one that can serve, or chosen on the terminal.',
      'Where the policy is "all", the evidence of every enrolled factor is needed as well.',
      evidenceOrder,
    ],
    arguments: [],
    options: [profileOption, ...sshKeyOptions, passwordStdin, recoveryStdin, jsonOption],
    examples: [
      { text: 'The only key of the agent', line: 'sesame ssh enroll -p device' },
      { text: 'A key of which the public half is here', line: 'sesame ssh enroll -p device --key id_ed25519.pub' },
    ],
    exits: [
      Exit.notInitialised,
      Exit.locked,
      Exit.denied,
      Exit.notFound,
      Exit.alreadySo,
      Exit.authenticationFailed,
      Exit.storage,
      Exit.unreachable,
    ],
    load: () => import('../commands/ssh-enroll.ts'),
  },
];
