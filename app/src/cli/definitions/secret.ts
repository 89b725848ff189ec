// SPDX-License-Identifier: MIT
import { Exit } from '../../core/exit.ts';
import type { CommandDefinition } from '../definition.ts';
import { jsonOption, profileOption, secretArgument } from './options.ts';
import { env, exportCommand, secretGet } from './reading.ts';

export const secretCommands: readonly CommandDefinition[] = [
  secretGet,
  {
    name: 'secret set',
    summary: 'store a secret',
    description: [
      'Reads the value from standard input, every byte of it, 0 to 65,536 of them. On a terminal the value is asked for without echo, one line ' +
        'without its newline. The answer comes after the value is on disk.',
    ],
    arguments: [secretArgument],
    options: [profileOption],
    examples: [
      { text: 'A text', line: "printf %s 'value' | sesame secret set -p device mqtt/password" },
      { text: 'A file', line: 'sesame secret set -p device tls/key < key.pem' },
    ],
    exits: [Exit.notInitialised, Exit.locked, Exit.denied, Exit.damaged, Exit.storage, Exit.unreachable],
    load: () => import('../commands/secret-set.ts'),
  },
  {
    name: 'secret list',
    summary: 'list the names of secrets',
    description: ['On a terminal with the time of the last change; elsewhere bare names, one a line. Values are never shown.'],
    arguments: [],
    options: [
      profileOption,
      { long: 'prefix', value: 'PREFIX', description: 'only names that start with this, such as mqtt/' },
      jsonOption,
    ],
    examples: [{ text: 'For a program', line: 'sesame secret list -p device --json' }],
    exits: [Exit.notInitialised, Exit.locked, Exit.denied, Exit.damaged, Exit.unreachable],
    load: () => import('../commands/secret-list.ts'),
  },
  {
    name: 'secret delete',
    summary: 'delete a secret',
    description: ['The answer comes after the entry is gone from the disk. There is no way back.'],
    arguments: [secretArgument],
    options: [profileOption],
    examples: [{ text: 'Delete one', line: 'sesame secret delete -p device mqtt/password' }],
    exits: [Exit.notInitialised, Exit.locked, Exit.denied, Exit.notFound, Exit.damaged, Exit.storage, Exit.unreachable],
    load: () => import('../commands/secret-delete.ts'),
  },
  env,
  exportCommand,
];
