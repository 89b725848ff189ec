// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { longestValue } from '../../src/core/names.ts';

const sources = {
  streams: import.meta.resolve('../../src/cli/streams.ts'),
  input: import.meta.resolve('../../src/cli/input.ts'),
  memory: import.meta.resolve('../../src/memory/secret-memory.ts'),
};
const flags = ['--input-type=module', '--eval'];

const imports = `
  import { OutputClosed, say, writeAll } from '${sources.streams}';
  import { readLines, readValue } from '${sources.input}';
  import { openSecretMemory } from '${sources.memory}';
  const memory = openSecretMemory();
`;

function run(source: string, input: Uint8Array | string = '') {
  return spawnSync(process.execPath, [...flags, imports + source], { input, maxBuffer: 1e8 });
}

describe('output', () => {
  it('arrives whole when its reader is slow and the pipe does not block', async () => {
    const length = 3_000_000;
    const source = `${imports} process.stdout._handle?.setBlocking?.(false); writeAll(1, Buffer.alloc(${length}, 7));`;
    const child = spawn(process.execPath, [...flags, source], { stdio: ['ignore', 'pipe', 'inherit'] });
    await wait(300);
    let received = 0;
    for await (const chunk of child.stdout) received += chunk.length;
    assert.equal(received, length);
  });

  it('ends quietly when its reader is gone', () => {
    const source = `${imports} try { for (;;) writeAll(1, Buffer.alloc(65536)); } catch (e) { process.exit(e instanceof OutputClosed ? 41 : 1); }`;
    const { stdout, stderr } = spawnSync('bash', [
      '-c',
      'set -o pipefail; "$@" | head -c 1 >/dev/null; echo $?',
      'bash',
      process.execPath,
      ...flags,
      source,
    ]);
    assert.equal(stdout.toString(), '41\n', stderr.toString());
  });

  it('that the disk does not take is a storage error', () => {
    const source = `${imports} try { writeAll(1, Buffer.from('x')); } catch (e) { say(e.message); process.exit(e.exit); }`;
    const { status, stderr } = spawnSync('sh', ['-c', '"$@" >/dev/full', 'sh', process.execPath, ...flags, source]);
    assert.equal(status, 12);
    assert.match(stderr.toString(), /^sesame: writing standard output failed: ENOSPC/);
  });

  it('on standard error is one line that cannot drive a terminal', () => {
    const { stderr } = run('say("a\\u001b[2J\\nb")');
    assert.equal(stderr.toString(), 'sesame: a\\u{1b}[2J\\u{a}b\n');
  });
});

describe('a value on standard input', () => {
  const echo = 'const v = readValue(memory); writeAll(1, v.bytes);';

  for (const length of [0, 1, 4096, 65_535, longestValue]) {
    it(`of ${length} bytes is read as it is`, () => {
      const value = randomBytes(length);
      assert.deepEqual(run(echo, value).stdout, value);
    });
  }

  it('of one byte too many is refused', () => {
    const { status } = run(
      'try { readValue(memory); } catch (e) { process.exit(e.code === "value-too-long" ? 41 : 1); }',
      Buffer.alloc(longestValue + 1),
    );
    assert.equal(status, 41);
  });

  it('that never ends is refused without being read on', () => {
    const source = `${imports} try { readValue(memory); } catch (e) { process.exit(e.code === "value-too-long" ? 41 : 1); }`;
    const { status } = spawnSync('sh', ['-c', '"$@" </dev/zero', 'sh', process.execPath, ...flags, source], { timeout: 20_000 });
    assert.equal(status, 41);
  });

  it('that comes in pieces is read whole', async () => {
    const child = spawn(process.execPath, [...flags, imports + echo], { stdio: ['pipe', 'pipe', 'inherit'] });
    for (const piece of ['a', 'bc', 'def']) {
      child.stdin.write(piece);
      await wait(60);
    }
    child.stdin.end();
    assert.equal((await child.stdout.toArray()).join(''), 'abcdef');
  });
});

describe('lines on standard input', () => {
  const show = (count: number) =>
    `const lines = readLines(memory, ${count}); writeAll(1, Buffer.from(JSON.stringify(lines.map((l) => l.bytes.toString('latin1')))));`;
  const lines = (input: string | Uint8Array, count: number): unknown => JSON.parse(run(show(count), input).stdout.toString());

  it('come without their newlines', () => assert.deepEqual(lines('one\ntwo\n', 2), ['one', 'two']));
  it('need no newline at the end', () => assert.deepEqual(lines('one\ntwo', 2), ['one', 'two']));
  it('keep every other byte, carriage returns and spaces included', () => assert.deepEqual(lines(' a\r\n', 1), [' a\r']));
  it('may be empty', () => assert.deepEqual(lines('\nb\n', 2), ['', 'b']));
  it('are fewer when the input ends', () => assert.deepEqual(lines('one\n', 3), ['one']));
  it('are bytes, not text', () => assert.deepEqual(lines(Buffer.from([0xff, 0, 0xfe, 10]), 1), ['\xff\0\xfe']));

  it('behind those that were wanted stay for whoever reads next', () => {
    const { stdout } = spawnSync('sh', ['-c', '{ "$@" >/dev/null; cat; }', 'sh', process.execPath, ...flags, imports + show(1)], {
      input: 'one\nrest\n',
    });
    assert.equal(stdout.toString(), 'rest\n');
  });
});
