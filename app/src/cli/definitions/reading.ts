// SPDX-License-Identifier: MIT
import { Exit } from '../../core/exit.ts';
import type { CommandDefinition, OptionDefinition } from '../definition.ts';
import { profileOption, secretArgument } from './options.ts';

const prefixOption: OptionDefinition = {
  long: 'prefix',
  value: 'PREFIX',
  description: 'put before every variable name, joined with "_"',
};

const environmentNames =
  'A variable is named after its secret: upper-case, every byte outside [A-Za-z0-9_] becomes "_". Names that could take over a program ' +
  '(LD_PRELOAD, PATH, NODE_OPTIONS …) are never set; each refused name is reported on standard error and skipped.';

export const secretGet: CommandDefinition = {
  name: 'secret get',
  summary: 'print a secret',
  description: [
    'Writes the bytes of the secret to standard output exactly as they were stored. Only where standard output is a terminal a newline follows ' +
      'a value that does not end with one.',
    'Whoever is no administrator gets what the access rules of the profile name for them: sesame-init(1).',
  ],
  arguments: [secretArgument],
  options: [profileOption],
  examples: [{ text: 'Into a file', line: 'sesame secret get -p device tls/key > key.pem' }],
  exits: [Exit.notInitialised, Exit.locked, Exit.denied, Exit.notFound, Exit.damaged, Exit.unreachable],
  load: () => import('../commands/secret-get.ts'),
};

export const env: CommandDefinition = {
  name: 'env',
  summary: 'run a program with secrets in its environment',
  description: [
    environmentNames,
    'The program takes the place of sesame: its exit code is the exit code, and signals reach it. 127: there is no such program; 126: it cannot be ' +
      'run. A value that holds a NUL byte cannot stand in an environment: it is reported and skipped. With several profiles the first that ' +
      'has the name wins.',
  ],
  arguments: [{ name: 'COMMAND', rest: true, completes: 'command', description: 'the program and its arguments' }],
  options: [
    { ...profileOption, repeated: true, description: 'a profile; may be given several times, the first that has a name wins' },
    prefixOption,
  ],
  examples: [{ text: 'Start a service', line: 'sesame env -p device -- mosquitto -c /etc/mosquitto.conf' }],
  exits: [Exit.notInitialised, Exit.locked, Exit.denied, Exit.damaged, Exit.unreachable],
  load: () => import('../commands/env.ts'),
};

export const exportCommand: CommandDefinition = {
  name: 'export',
  summary: 'print secrets as shell assignments, a dotenv file or JSON',
  description: [
    environmentNames,
    'shell: `export NAME=…` for any POSIX shell. dotenv: `NAME=…` in quotes, as systemd, docker compose and the dotenv libraries read it ' +
      '(docker run --env-file does not); a value with a single quote and one of " \\ $ ` is read back as it was by systemd and shells alone. ' +
      'json: one object. ' +
      'A value that the format cannot hold (NUL in shell; NUL or bytes that are not UTF-8 in dotenv; bytes that are not UTF-8 in json) is ' +
      'named and nothing at all is printed.',
  ],
  arguments: [],
  options: [
    { ...profileOption, repeated: true, description: 'a profile; may be given several times, the first that has a name wins' },
    {
      long: 'format',
      short: 'f',
      value: 'FORMAT',
      choices: ['shell', 'dotenv', 'json'],
      description: 'how to print (default: shell)',
    },
    prefixOption,
  ],
  examples: [{ text: 'Into this shell', line: 'eval "$(sesame export -p device)"' }],
  exits: [Exit.notInitialised, Exit.locked, Exit.denied, Exit.damaged, Exit.unreachable],
  load: () => import('../commands/export.ts'),
};

/** What reads secrets: programs and scripts call it whenever they start, so it has a bundle of its own. */
export const readingCommands: readonly CommandDefinition[] = [secretGet, env, exportCommand];
