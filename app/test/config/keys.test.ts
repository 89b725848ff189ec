// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parse } from 'smol-toml';
import { formatKey, type KeyPath, splitDottedKey } from '../../src/config/keys.ts';

const name = fc.string({ unit: 'grapheme' });
const path: fc.Arbitrary<KeyPath> = fc
  .tuple(name, fc.array(fc.oneof(name, fc.nat(99)), { maxLength: 4 }))
  .map(([first, rest]) => [first, ...rest]);

describe('a dotted key', () => {
  it('is read as the parser reads it', () => {
    for (const text of ['a', 'a.b', ' a . "b c" ', "a.'b.c'", '"\\u00e9\\t\\x41\\U0001F600\\\\\\"".x', '""', '1.2-3._']) {
      const keys: string[] = [];
      for (let table: unknown = parse(`${text} = 0`); typeof table === 'object' && table !== null; ) {
        const [[key, inner] = ['', undefined]]: [string, unknown][] = Object.entries(table);
        keys.push(key);
        table = inner;
      }
      assert.deepEqual(splitDottedKey(text), keys, text);
    }
  });

  it('is nothing else', () => {
    for (const text of ['', '.', 'a.', '.a', 'a..b', 'a b', 'é', '"a', "'a", 'a = 1', '[a]', 'a#', 'a\nb']) {
      assert.equal(splitDottedKey(text), undefined, JSON.stringify(text));
    }
  });

  it('survives being written', () => {
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), (names) =>
        assert.deepEqual(splitDottedKey(formatKey(names)), names),
      ),
    );
  });
});

describe('a written path', () => {
  it('has indices in brackets and quotes where they are needed', () => {
    assert.equal(formatKey(['profiles', 'a b', 'list', 2, 'x']), 'profiles."a b".list[2].x');
  });

  it('is that of one path only', () => {
    fc.assert(
      fc.property(path, path, (one, other) => {
        assert.equal(formatKey(one) === formatKey(other), JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });
});
