// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parse } from 'smol-toml';
import { formatKey, type KeyPath, readDottedKey } from '../../src/config/keys.ts';
import { findPosition, positionOf, visitKeys } from '../../src/config/positions.ts';
import { tomlText } from './toml-text.ts';

/** Every path of a parsed value, the value itself excepted. */
function pathsOf(value: unknown, path: KeyPath = []): KeyPath[] {
  if (typeof value !== 'object' || value === null) return [];
  const members: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return members.flatMap(([key, inner]) => [[...path, key], ...pathsOf(inner, [...path, key])]);
}

function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split('\n').slice(0, line - 1);
  return lines.reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
}

describe('the position of a key', () => {
  it('is found for every path that the parser finds, and there the key stands', () => {
    fc.assert(
      fc.property(tomlText, (text) => {
        for (const path of pathsOf(parse(text))) {
          const found = findPosition(text, path);
          assert.equal(found?.depth, path.length, formatKey(path));
          const name = path.at(-1);
          if (typeof name === 'number') continue;
          const key = readDottedKey(text, offsetOf(text, found.line, found.column));
          assert.equal(key?.parts[0]?.name, name, formatKey(path));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is found for no other path', () => {
    fc.assert(
      fc.property(tomlText, (text) => {
        const known = new Set(pathsOf(parse(text)).map(formatKey));
        visitKeys(text, (path) => {
          assert.ok(known.has(formatKey(path)), formatKey(path));
          return false;
        });
      }),
      { numRuns: 500 },
    );
  });

  it('is that of the innermost table when the key is not there', () => {
    const text = '[a]\nb = 1\n[a.c]\nd = 2\n';
    assert.deepEqual(findPosition(text, ['a', 'c', 'x', 'y']), { line: 3, column: 4, depth: 2 });
    assert.equal(findPosition(text, ['x']), undefined);
  });

  it('is that of the last table of an array for what follows it', () => {
    const text = '[[p]]\nk = 1\n[[p]]\nk = 2\n[p.q]\nr = 3\n';
    assert.deepEqual(findPosition(text, ['p', 1, 'k']), { line: 4, column: 1, depth: 3 });
    assert.deepEqual(findPosition(text, ['p', 1, 'q', 'r']), { line: 6, column: 1, depth: 4 });
  });

  it('points at the part itself inside a dotted key and an inline table', () => {
    assert.deepEqual(findPosition('a . b.c = { d = [1, { e = 2 }] }', ['a', 'b', 'c', 'd', 1, 'e']), {
      line: 1,
      column: 23,
      depth: 6,
    });
    assert.deepEqual(findPosition('a . b.c = 1', ['a', 'b']), { line: 1, column: 5, depth: 2 });
  });

  it('is searched for in any text without hanging', () => {
    const piece = fc.constantFrom(
      '[',
      ']',
      '[[',
      ']]',
      '{',
      '}',
      '=',
      ',',
      '.',
      '"',
      "'",
      '"""',
      "'''",
      '\\',
      '#',
      '\n',
      'a',
      ' ',
      '1',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        let visits = 0;
        visitKeys(pieces.join(''), () => {
          visits += 1;
          return false;
        });
        assert.ok(visits <= 4 * pieces.length + 4);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes time in proportion to the text', () => {
    const time = (length: number): number => {
      const text = `a = [${'"x\\\\y", '.repeat(length)}]\n`;
      const times = Array.from({ length: 5 }, () => {
        const start = performance.now();
        findPosition(text, ['b']);
        return performance.now() - start;
      });
      return Math.min(...times);
    };
    time(2000);
    const ratio = time(32_000) / time(4000);
    assert.ok(ratio < 32, `8 times the text took ${ratio.toFixed(1)} times as long`);
  });
});

describe('a position', () => {
  it('counts lines and columns from 1', () => {
    const text = 'ab\r\n\ncd';
    assert.deepEqual(positionOf(text, 0), { line: 1, column: 1 });
    assert.deepEqual(positionOf(text, 4), { line: 2, column: 1 });
    assert.deepEqual(positionOf(text, 6), { line: 3, column: 2 });
  });
});
