// SPDX-License-Identifier: MIT
import { configurationSchema } from '../../config/schema.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import { print } from '../streams.ts';

export async function run(): Promise<ExitCode> {
  print(`${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...configurationSchema }, undefined, 2)}\n`);
  return Exit.done;
}
