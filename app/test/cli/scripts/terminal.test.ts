// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Device, hasProgram } from '../../support/device.ts';
import { onTerminal, type Typing } from '../pty.ts';

const program = join(import.meta.dirname, '../../../../dist/bin/sesame');

describe('sesame on a terminal', { skip: hasProgram('python3') ? false : 'python3 is missing, which plays the terminal' }, () => {
  const device = new Device();
  before(() => device.start());
  after(() => device.dispose());

  const run = (args: string[], typing: Typing[] = [], environment: NodeJS.ProcessEnv = {}) =>
    onTerminal([program, ...args], typing, { ...device.environment, TERM: 'xterm', ...environment });

  it('asks for a new password twice, shows the recovery key once and no password', () => {
    const { code, shown } = run(
      ['init', '-p', 'device'],
      [
        { after: 'new password of profile device: ', keys: 'geheim\r' },
        { after: 'the same again: ', keys: 'geheim\r' },
      ],
    );
    assert.equal(code, 0, shown);
    assert.match(shown, /[0-9A-Z]{5}-[0-9A-Z]{5}-/);
    assert.doesNotMatch(shown, /geheim/);
  });

  it('refuses two passwords that differ', () => {
    const { code, shown } = run(
      ['init', '-p', 'other'],
      [
        { after: 'new password of profile other: ', keys: 'one\r' },
        { after: 'the same again: ', keys: 'two\r' },
      ],
    );
    assert.equal(code, 2);
    assert.match(shown, /the two passwords differ/);
  });

  it('asks for the password to unlock', () => {
    const { code, shown } = run(['unlock', '-p', 'device'], [{ after: 'password of profile device: ', keys: 'geheim\r' }]);
    assert.equal(code, 0, shown);
  });

  it('asks for a value without echo, and adds the newline that a terminal needs', () => {
    const set = run(['secret', 'set', '-p', 'device', 'a'], [{ after: 'value of a: ', keys: 'hidden\r' }]);
    assert.equal(set.code, 0, set.shown);
    assert.doesNotMatch(set.shown, /hidden/);
    assert.equal(run(['secret', 'get', '-p', 'device', 'a']).shown, 'hidden\r\n');
  });

  it('ends with 130 at ^C, the terminal as it was and nothing changed', () => {
    const { code, restored } = run(['secret', 'set', '-p', 'device', 'a'], [{ after: 'value of a: ', keys: 'x\x03' }]);
    assert.equal(code, 130);
    assert.ok(restored);
    assert.equal(run(['secret', 'get', '-p', 'device', 'a']).shown, 'hidden\r\n');
  });

  it('shows tables, in colour unless NO_COLOR says otherwise', () => {
    assert.match(run(['profile', 'list']).shown, /^PROFILE +STATE/);
    const controls = String.fromCharCode(27);
    assert.ok(run(['status', '--doctor']).shown.includes(`${controls}[32mpass`));
    assert.ok(!run(['status', '--doctor'], [], { NO_COLOR: '1' }).shown.includes(controls));
  });

  it('ends quietly when its output is no longer read', async () => {
    const script = '"$@" | head -c 1 >/dev/null';
    const { stderr } = spawnSync('sh', ['-c', script, 'sh', program, 'help'], { env: device.environment, encoding: 'utf8' });
    assert.equal(stderr, '');
  });
});
