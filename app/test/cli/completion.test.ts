// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { commands } from '../../src/cli/commands.ts';
import { bashCompletion } from '../../src/cli/completion/bash.ts';
import { fishCompletion } from '../../src/cli/completion/fish.ts';
import { completionModel } from '../../src/cli/completion/model.ts';
import { zshCompletion } from '../../src/cli/completion/zsh.ts';
import { allOptions } from '../../src/cli/help.ts';
import { hasProgram } from '../support/device.ts';
import { temporaryDirectory } from '../support/directory.ts';

const model = completionModel(commands);
const shells = { bash: bashCompletion(model), zsh: zshCompletion(model), fish: fishCompletion(model) };

/** A directory with a sesame that lists names as the real one does off a terminal, some of them hostile. */
function fakeSesame(directory: string): string {
  const bin = join(directory, 'bin');
  mkdirSync(bin, { recursive: true });
  const pwned = join(directory, 'pwned');
  const script = `#!/bin/sh
case "$*" in
  'profile list') printf 'device\\ndepot\\n' ;;
  'secret list -p device') printf '%s\\n' 'mqtt/password' 'mqtt key' '$(touch ${pwned})' ;;
  'secret list') printf 'default-one\\n' ;;
esac
`;
  writeFileSync(join(bin, 'sesame'), script);
  chmodSync(join(bin, 'sesame'), 0o755);
  return bin;
}

for (const [shell, script] of Object.entries(shells)) {
  const file = join(temporaryDirectory(), 'script');
  writeFileSync(file, script);

  describe(`the completion script of ${shell}`, { skip: hasProgram(shell) ? false : `${shell} is missing` }, () => {
    it('is correct syntax', () => {
      const { status, stderr } = spawnSync(shell, ['-n', file]);
      assert.equal(status, 0, stderr.toString());
    });

    it('knows every command and every option', () => {
      for (const command of commands) {
        for (const word of command.name.split(' ')) assert.ok(script.includes(word), word);
        for (const { long } of allOptions(command))
          assert.ok(script.includes(shell === 'fish' ? `-l ${long}` : `--${long}`), long);
      }
    });
  });
}

describe('bash', { skip: hasProgram('bash') ? false : 'bash is missing' }, () => {
  const directory = temporaryDirectory();
  const bin = fakeSesame(directory);

  /** What bash would offer for a command line that ends with a word to complete. */
  function offered(...words: string[]): string[] {
    const driver = `${shells.bash}
COMP_WORDS=(sesame "$@"); COMP_CWORD=$#
_sesame 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = spawnSync('bash', ['--norc', '-c', driver, 'bash', ...words], {
      env: { PATH: `${bin}:${process.env['PATH']}` },
      encoding: 'utf8',
    });
    return stdout.split('\n').filter((word) => word !== '');
  }

  it('offers commands', () => assert.deepEqual(offered('sta'), ['status']));
  it('offers the commands of a group', () => assert.deepEqual(offered('secret', ''), ['get', 'set', 'list', 'delete']));
  it('offers the options of a command', () => assert.deepEqual(offered('status', '--d'), ['--doctor']));
  it('offers no option of another command', () => assert.deepEqual(offered('lock', '--pass'), []));
  it('offers the choices of an option', () => assert.deepEqual(offered('export', '--format', 'd'), ['dotenv']));
  it('offers the choices of an argument', () => assert.deepEqual(offered('completion', ''), ['bash', 'zsh', 'fish']));
  it('offers profiles, before and after the command', () => {
    assert.deepEqual(offered('-p', 'de'), ['device', 'depot']);
    assert.deepEqual(offered('unlock', '--profile', 'dev'), ['device']);
  });
  it('offers the names of secrets of the profile that was named', () => {
    assert.deepEqual(offered('secret', 'get', ''), ['default-one']);
    assert.deepEqual(offered('secret', 'get', '-p', 'device', 'mqtt/'), ['mqtt/password']);
  });
  it('quotes names that need it', () => assert.deepEqual(offered('secret', 'get', '-p', 'device', 'mqtt '), ['mqtt\\ key']));

  it('never runs what a name says', () => {
    offered('secret', 'get', '-p', 'device', '');
    assert.equal(existsSync(join(directory, 'pwned')), false);
  });
});

describe('fish', { skip: hasProgram('fish') ? false : 'fish is missing' }, () => {
  const directory = temporaryDirectory();
  const bin = fakeSesame(directory);
  const file = join(directory, 'sesame.fish');
  writeFileSync(file, shells.fish);

  function offered(line: string): string[] {
    const { stdout } = spawnSync('fish', ['--no-config', '-c', `source ${file}; complete -C '${line}'`], {
      env: { PATH: `${bin}:${process.env['PATH']}`, HOME: directory },
      encoding: 'utf8',
    });
    return stdout
      .split('\n')
      .filter((word) => word !== '')
      .map((word) => word.replace(/\t.*/, ''));
  }

  it('offers commands', () => assert.deepEqual(offered('sesame sta'), ['status']));
  it('offers the commands of a group', () =>
    assert.deepEqual(offered('sesame secret ').sort(), ['delete', 'get', 'list', 'set']));
  it('offers the choices of an option', () => assert.deepEqual(offered('sesame export --format d'), ['dotenv']));
  it('offers profiles', () => assert.deepEqual(offered('sesame unlock -p de').sort(), ['depot', 'device']));
  it('offers names of secrets and never runs what a name says', () => {
    assert.ok(offered('sesame secret get -p device ').includes('mqtt/password'));
    assert.equal(existsSync(join(directory, 'pwned')), false);
  });
});
