// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasProgram } from '../support/device.ts';
import { onTerminal, type Typing } from './pty.ts';

const sources = {
  terminal: import.meta.resolve('../../src/cli/terminal.ts'),
  memory: import.meta.resolve('../../src/memory/secret-memory.ts'),
};

/** Asks once and prints the answer in hexadecimal. */
const program = `
  import { ask } from '${sources.terminal}';
  import { openSecretMemory } from '${sources.memory}';
  const answer = ask(openSecretMemory(), 'password of profile device');
  process.stdout.write('answer=' + (answer === undefined ? 'none' : answer.bytes.toString('hex')) + '.');
`;

function asked(keys: Typing['keys'], prompt = 'password of profile device: ') {
  return onTerminal([process.execPath, '--input-type=module', '--eval', program], [{ after: prompt, keys }]);
}

function answerTo(keys: Typing['keys']): string {
  const { shown } = asked(keys);
  const hex = /answer=([0-9a-f]*)\./.exec(shown)?.[1];
  assert.ok(hex !== undefined, shown);
  return Buffer.from(hex, 'hex').toString('latin1');
}

describe('a prompt', { skip: hasProgram('python3') ? false : 'python3 is missing, which plays the terminal' }, () => {
  it('takes the line without its newline', () => assert.equal(answerTo('geheim\r'), 'geheim'));
  it('takes bytes that are not UTF-8', () => assert.equal(answerTo(Buffer.from([0xff, 0xfe, 0x0d])), '\xff\xfe'));
  it('takes an empty line', () => assert.equal(answerTo('\r'), ''));
  it('takes back a letter', () => assert.equal(answerTo('ab\x7fc\r'), 'ac'));
  it('takes back a letter of several bytes at once', () =>
    assert.equal(Buffer.from(answerTo('aé\x7fb\r'), 'latin1').toString(), 'ab'));
  it('takes back nothing from an empty line', () => assert.equal(answerTo('\x7f\x7fa\r'), 'a'));
  it('starts anew after ^U', () => assert.equal(answerTo('wrong\x15right\r'), 'right'));
  it('ends at ^D', () => assert.equal(answerTo('abc\x04'), 'abc'));

  it('shows nothing of what is typed', () => {
    const { shown } = asked('geheim\r');
    assert.ok(!shown.replace(/answer=.*/, '').includes('geheim'));
  });

  it('leaves the terminal as it was', () => assert.ok(asked('a\r').restored));

  for (const [name, keys, code] of [
    ['^C', '\x03', 130],
    ['^\\', '\x1c', 131],
    ['SIGINT', { signal: 'SIGINT' }, 130],
    ['SIGTERM', { signal: 'SIGTERM' }, 143],
  ] as const) {
    it(`ends by the signal at ${name} and leaves the terminal as it was`, () => {
      const run = asked(keys);
      assert.equal(run.code, code, run.shown);
      assert.ok(run.restored);
      assert.ok(!run.shown.includes('answer'));
    });
  }
});
