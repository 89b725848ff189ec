// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commands } from '../../src/cli/commands.ts';
import { allOptions, commandHelp, exitsOf, overview } from '../../src/cli/help.ts';

describe('the help', () => {
  it('lists every command', () => {
    const text = overview(commands).replace(/\s+/g, ' ');
    for (const { name, summary } of commands) assert.ok(text.includes(` ${name} ${summary} `), name);
  });

  it('of a group lists the commands of the group alone', () => {
    const text = overview(commands, 'secret');
    assert.ok(text.includes('secret get'));
    assert.ok(!text.includes('factor add'));
  });

  for (const command of commands) {
    it(`of ${command.name} names every option, argument and exit code`, () => {
      const text = commandHelp(command);
      for (const { long } of allOptions(command)) assert.ok(text.includes(`--${long}`), long);
      for (const { name } of command.arguments) assert.ok(text.includes(name), name);
      for (const [code, meaning] of exitsOf(command)) assert.match(text, new RegExp(`^ +${code} +${meaning.split(' ')[0]}`, 'm'));
    });

    it(`of ${command.name} fits on a terminal`, () => {
      const prose = commandHelp(command).split('\nexamples:')[0] ?? '';
      const long = prose.split('\n').filter((line) => line.length > 80 && !line.startsWith('usage:'));
      assert.deepEqual(long, []);
    });
  }
});
