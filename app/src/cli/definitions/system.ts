// SPDX-License-Identifier: MIT
import { Exit } from '../../core/exit.ts';
import type { CommandDefinition } from '../definition.ts';
import { jsonOption } from './options.ts';

export const systemCommands: readonly CommandDefinition[] = [
  {
    name: 'audit verify',
    summary: 'verify the audit chain',
    description: [
      'Asks daemon-profile to verify its chain and the head that vouches for it. With --path a file is verified here, without daemons or ' +
        'configuration: a copy from another device, for instance.',
    ],
    arguments: [],
    options: [{ long: 'path', value: 'FILE', completes: 'file', description: 'verify this file' }, jsonOption],
    examples: [{ text: 'A copy', line: 'sesame audit verify --path audit.jsonl' }],
    exits: [Exit.denied, Exit.damaged, Exit.storage, Exit.unreachable],
    load: () => import('../commands/audit-verify.ts'),
  },
  {
    name: 'audit tail',
    summary: 'show the last entries of the audit chain',
    description: ['With --json the lines come as they stand in the file.'],
    arguments: [],
    options: [{ long: 'lines', short: 'n', value: 'N', description: 'how many, 1 to 1,000,000 (default: 20)' }, jsonOption],
    examples: [{ text: 'The last five', line: 'sesame audit tail -n 5' }],
    exits: [Exit.denied, Exit.unreachable],
    load: () => import('../commands/audit-tail.ts'),
  },
  {
    name: 'audit acknowledge',
    summary: 'record that the gaps of the audit chain were looked into',
    description: [
      'A gap, such as a removed end or a replaced file, stays a problem of `sesame status` until somebody has looked into it. This writes an entry that ' +
        'says so; the gap itself stays in the chain.',
    ],
    arguments: [],
    options: [jsonOption],
    examples: [{ text: 'After the cause was found', line: 'sesame audit acknowledge' }],
    exits: [Exit.denied, Exit.storage, Exit.unreachable],
    load: () => import('../commands/audit-acknowledge.ts'),
  },
  {
    name: 'config check',
    summary: 'check the configuration files',
    description: ['Prints everything that is wrong, one FILE:LINE:COLUMN a line, with what to write instead. Needs no daemons.'],
    arguments: [],
    options: [jsonOption],
    examples: [{ text: 'Before a restart', line: 'sesame config check' }],
    exits: [Exit.configuration],
    load: () => import('../commands/config-check.ts'),
  },
  {
    name: 'config show',
    summary: 'show the configuration in force',
    description: ['Every setting with its value, defaults included, as TOML. Needs no daemons.'],
    arguments: [],
    options: [jsonOption],
    examples: [{ text: 'As JSON', line: 'sesame config show --json' }],
    exits: [Exit.configuration],
    load: () => import('../commands/config-show.ts'),
  },
  {
    name: 'config schema',
    summary: 'print the JSON Schema of the configuration',
    description: ['For editors, and for checks in the pipeline that builds an image.'],
    arguments: [],
    options: [],
    examples: [{ text: 'Into a file', line: 'sesame config schema > schema.json' }],
    exits: [],
    load: () => import('../commands/config-schema.ts'),
  },
  {
    name: 'completion',
    summary: 'print the completion script of a shell',
    description: ['Made from the same definitions as this help.'],
    arguments: [{ name: 'SHELL', choices: ['bash', 'zsh', 'fish'], description: 'the shell' }],
    options: [],
    examples: [{ text: 'For this bash', line: 'source <(sesame completion bash)' }],
    exits: [],
    load: () => import('../commands/completion.ts'),
  },
  {
    name: 'help',
    summary: 'show help',
    description: ['Without COMMAND the list of commands.'],
    arguments: [{ name: 'TOPIC', optional: true, rest: true, description: 'a command or a group of commands' }],
    options: [],
    examples: [{ text: 'About one command', line: 'sesame help secret get' }],
    exits: [],
    load: () => import('../commands/help.ts'),
  },
];
