// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commands } from '../../src/cli/commands.ts';
import { readingCommands } from '../../src/cli/definitions/reading.ts';
import { read } from '../../src/cli/reading.ts';

describe('the program that only reads secrets', () => {
  const others: readonly (readonly [what: string, words: readonly string[]])[] = [
    ['nothing', []],
    ['another command', ['secret', 'set', 'mqtt/password']],
    ['a wish for help', ['secret', 'get', '--help']],
    ['an option that there is not', ['secret', 'get', '--nonsense', 'mqtt/password']],
    ['an argument too few', ['secret', 'get']],
    ['a choice that there is not', ['export', '--format', 'xml']],
  ];
  for (const [what, words] of others) it(`leaves ${what} to the whole program`, () => assert.equal(read(words), false));

  it('knows its commands in the words of the whole program', () => {
    assert.deepEqual(
      readingCommands,
      readingCommands.map(({ name }) => commands.find((command) => command.name === name)),
    );
  });
});
