// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeName, encodeName, nameForPeople, rangeOf } from '../../src/vault/entry-names.ts';

const name = fc.string({ unit: 'binary', maxLength: 6 });
const inRange = (candidate: string, prefix: string | undefined, after: string | undefined) => {
  const { from, before } = rangeOf(prefix, after);
  const bytes = encodeName(candidate);
  return Buffer.compare(bytes, from) >= 0 && (before === undefined || Buffer.compare(bytes, before) < 0);
};

describe('a range of names', () => {
  it('holds exactly the names with the prefix, for any prefix', () => {
    fc.assert(
      fc.property(name, name, fc.boolean(), (prefix, rest, related) => {
        const candidate = related ? prefix + rest : rest;
        assert.equal(inRange(candidate, prefix, undefined), candidate.startsWith(prefix));
      }),
    );
  });

  it('holds exactly the names after another, for any name', () => {
    fc.assert(
      fc.property(name, name, (candidate, after) => {
        const later = Buffer.compare(Buffer.from(candidate), Buffer.from(after)) > 0;
        assert.equal(inRange(candidate, undefined, after), later);
      }),
    );
  });

  it('ends behind the last of all characters', () => {
    assert.ok(inRange('a\u{10ffff}\u{10ffff}', 'a\u{10ffff}', undefined));
  });
});

describe('the bytes of a name', () => {
  it('come back as the same name', () => {
    fc.assert(fc.property(name, (text) => assert.equal(decodeName(encodeName(text)), text)));
  });

  it('are no name when they are no UTF-8', () => {
    for (const hex of ['80', 'ff', 'c0af', 'eda080', 'f4908080', 'c3']) {
      assert.equal(decodeName(Buffer.from(hex, 'hex')), undefined);
    }
  });

  it('keep a byte order mark, which is part of the name', () => {
    assert.equal(decodeName(encodeName('\ufeffname')), '\ufeffname');
  });

  it('can be shown to a person whatever they are', () => {
    const row = { rowid: 7n, value: undefined, createdAt: 0n, updatedAt: 0n };
    assert.equal(nameForPeople({ ...row, name: undefined }), 'row 7');
    assert.equal(nameForPeople({ ...row, name: Buffer.from('61ff', 'hex') }), 'a\ufffd');
  });
});
