// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { commands } from '../../src/cli/commands.ts';
import { configurationSettings } from '../../src/cli/configuration-settings.ts';
import { allOptions, exitsOf } from '../../src/cli/help.ts';
import { commandPages, configurationPage, daemonPages } from '../../src/cli/man.ts';
import { hasProgram } from '../support/device.ts';
import { temporaryDirectory } from '../support/directory.ts';

const pages = [...commandPages(commands), ...daemonPages(), configurationPage(configurationSettings())];
/** Bold is a letter, a backspace and the letter again. */
const overstrike = new RegExp(`.${'\b'}`, 'g');
const hasMandoc = hasProgram('mandoc');

describe('the manual pages', { skip: hasMandoc ? false : 'mandoc is missing' }, () => {
  const directory = temporaryDirectory();
  const rendered = new Map<string, string>();
  for (const { file, text } of pages) {
    const path = join(directory, basename(file));
    writeFileSync(path, text);
    rendered.set(
      basename(file),
      spawnSync('mandoc', ['-Tascii', '-O', 'width=1000', path], { encoding: 'utf8' }).stdout.replace(overstrike, ''),
    );
  }

  for (const { file } of pages) {
    it(`${file} has no mistake that mandoc knows`, () => {
      // A date would make every build differ; man(7) allows none, mandoc alone asks for one.
      const { stdout } = spawnSync('mandoc', ['-Tlint', '-Wwarning', join(directory, basename(file))], { encoding: 'utf8' });
      assert.deepEqual(
        stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date')),
        [],
      );
    });
  }

  for (const command of commands) {
    it(`tell of ${command.name} and of all that belongs to it`, () => {
      const page = rendered.get(`sesame-${command.name.replace(/ .*/, '')}.1`) ?? '';
      assert.ok(page.includes(command.summary), command.summary);
      for (const { long } of allOptions(command)) assert.ok(page.includes(`--${long}`), long);
      for (const { line } of command.examples) assert.ok(page.includes(line), line);
      for (const [, meaning] of exitsOf(command)) assert.ok(page.includes(meaning), meaning);
      assert.ok(rendered.get('sesame.1')?.includes(command.name));
    });
  }

  it('tell of the settings that the configuration has', () => {
    const page = rendered.get('pds-config.5') ?? '';
    for (const key of [
      'global.default_profile',
      'global.ipc.channel_capacity',
      'crypto.kdf',
      'profiles.NAME.extends',
      'clients.NAME.uid',
    ])
      assert.ok(page.includes(key), key);
  });
});
