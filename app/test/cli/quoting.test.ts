// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { type ExportFormat, quoteValue, valueProblem } from '../../src/cli/quoting.ts';

const anyByte = fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constantFrom(...Buffer.from('\'"\\$`!\n\r #=;{}~*')));
const withoutNul = fc.array(anyByte, { maxLength: 48 }).map((bytes) => Buffer.from(bytes));
const text = fc
  .string({
    unit: fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), fc.constantFrom(...'\'"\\$`!\n\t #=;')),
    maxLength: 48,
  })
  .filter((value) => value.isWellFormed() && !value.includes('\0'));

/** What a real shell makes of a list of assignments: the values, each ended by a NUL byte. */
function readByShell(assignments: Buffer, count: number): Buffer[] {
  const show = Array.from({ length: count }, (_, index) => `printf '%s\\0' "$V${index}"`).join('\n');
  const { stdout, status } = spawnSync('sh', ['-c', 'eval "$(cat)"\n'.concat(show)], { input: assignments });
  assert.equal(status, 0);
  const values: Buffer[] = [];
  for (let start = 0; start < stdout.length; ) {
    const end = stdout.indexOf(0, start);
    values.push(stdout.subarray(start, end));
    start = end + 1;
  }
  return values;
}

function assign(format: ExportFormat, values: readonly Buffer[]): Buffer {
  const lines = values.map((value, index) =>
    Buffer.concat([Buffer.from(`V${index}=`), quoteValue(format, value), Buffer.from('\n')]),
  );
  return Buffer.concat(lines);
}

describe('a value quoted for a shell', () => {
  it('comes out of a real sh as it went in, whatever bytes it has', () => {
    fc.assert(
      fc.property(fc.array(withoutNul, { minLength: 1, maxLength: 40 }), (values) => {
        assert.deepEqual(readByShell(assign('shell', values), values.length), values);
      }),
      { numRuns: 25 },
    );
  });

  it('is not interpreted', () => {
    const value = Buffer.from('$(touch /tmp/pwned) `id` $HOME \\ !! \'"');
    assert.deepEqual(readByShell(assign('shell', [value]), 1), [value]);
  });

  it('may not hold NUL', () => assert.match(valueProblem('shell', Buffer.from('a\0b')) ?? '', /NUL/));
  it('may hold bytes that are not UTF-8', () => assert.equal(valueProblem('shell', Buffer.from([0xff])), undefined));
});

describe('a value quoted for a dotenv file', () => {
  it('comes out of a real sh as it went in', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 40 }), (values) => {
        const bytes = values.map((value) => Buffer.from(value));
        assert.deepEqual(readByShell(assign('dotenv', bytes), bytes.length), bytes);
      }),
      { numRuns: 25 },
    );
  });

  it("comes out of Node's reader as it went in, unless it holds both kinds of quotes or needs a backslash beside a quote", () => {
    const plain = text.filter((value) => !/\r/.test(value) && !(value.includes("'") && /["\\$`\n]/.test(value)));
    fc.assert(
      fc.property(plain, (value) => {
        assert.equal(parseEnv(assign('dotenv', [Buffer.from(value)]).toString())['V0'], value);
      }),
    );
  });

  it('may not hold NUL', () => assert.match(valueProblem('dotenv', Buffer.from('\0')) ?? '', /NUL/));
  it('must be UTF-8', () => assert.match(valueProblem('dotenv', Buffer.from([0xc3])) ?? '', /UTF-8/));
});

describe('a value quoted for JSON', () => {
  it('comes out of a JSON parser as it went in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        assert.equal(JSON.parse(quoteValue('json', Buffer.from(value)).toString('utf8')), value);
      }),
    );
  });

  it('may hold NUL', () => {
    const value = Buffer.from('a\0b');
    assert.equal(valueProblem('json', value), undefined);
    assert.equal(JSON.parse(quoteValue('json', value).toString()), 'a\0b');
  });

  it('must be UTF-8', () => assert.match(valueProblem('json', Buffer.from([0x80])) ?? '', /UTF-8/));
});
