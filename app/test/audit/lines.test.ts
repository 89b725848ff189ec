// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { linesBackwards, linesForwards, longestReadableLine } from '../../src/audit/lines.ts';

const directory = mkdtempSync(join(tmpdir(), 'open-sesame-lines-'));
after(() => rmSync(directory, { recursive: true }));

interface Seen {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly terminated: boolean;
}

function read(content: string, reader: (descriptor: number) => ReturnType<typeof linesForwards>): Seen[] {
  const path = join(directory, 'lines');
  writeFileSync(path, content, 'latin1');
  const descriptor = openSync(path, 'r');
  try {
    // The bytes are only valid until the next line, so they are copied here.
    return Array.from(reader(descriptor), ({ bytes, start, end, terminated }) => ({
      text: bytes.toString('latin1'),
      start,
      end,
      terminated,
    }));
  } finally {
    closeSync(descriptor);
  }
}

/** What String.split says about the same text. */
function expected(content: string): Seen[] {
  let start = 0;
  const pieces = content.split('\n');
  return pieces
    .map((text, index) => {
      const terminated = index < pieces.length - 1;
      const line = { text, start, end: start + text.length + (terminated ? 1 : 0), terminated };
      start = line.end;
      return line;
    })
    .filter(({ text, terminated }) => terminated || text !== '');
}

const forwards = (content: string) => read(content, (descriptor) => linesForwards(descriptor, 0, content.length));
const backwards = (content: string) => read(content, (descriptor) => linesBackwards(descriptor, content.length));

const line = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '{', '"'), maxLength: 20 }),
  fc.integer({ min: 65_500, max: 65_600 }).map((length) => 'x'.repeat(length)),
);
const content = fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n'));

describe('the lines of a file', () => {
  it('are the same as a split of its text, across the borders of what is read at once', () => {
    fc.assert(fc.property(content, (text) => assert.deepEqual(forwards(text), expected(text))));
  });

  it('are the same from the end, in reverse', () => {
    fc.assert(fc.property(content, (text) => assert.deepEqual(backwards(text).reverse(), expected(text))));
  });

  it('can begin and end in the middle of the file', () => {
    const part = read('one\ntwo\nthree\nfour', (descriptor) => linesForwards(descriptor, 4, 13));
    assert.deepEqual(
      part.map(({ text }) => text),
      ['two', 'three'],
    );
  });

  it('end with one that is too long to be looked at', () => {
    const text = `one\n${'x'.repeat(3 * longestReadableLine)}\nthree\n`;
    assert.deepEqual(
      forwards(text).map(({ terminated }) => terminated),
      [true, false],
    );
  });
});
