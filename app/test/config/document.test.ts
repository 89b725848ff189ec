// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseDocument, placeOf } from '../../src/config/document.ts';
import { brief, documentOf } from './support.ts';

/** What is said about a file that is refused. */
function refusal(content: string | Buffer): string {
  const result = parseDocument('config.toml', Buffer.from(content));
  assert.ok('severity' in result, 'it was accepted');
  return brief(result);
}

describe('a configuration file', () => {
  it('may begin with a byte order mark, which shifts no column', () => {
    const document = documentOf('\ufeffa = 1\n');
    assert.deepEqual(placeOf(document, ['a']), { file: 'config.toml', line: 1, column: 1 });
  });

  it('may be empty', () => {
    assert.deepEqual(Object.keys(documentOf('').table), []);
  });

  it('has tables without a prototype', () => {
    assert.equal(Object.getPrototypeOf(documentOf('[a]\nb = 1').table['a']), null);
  });

  it('is refused as UTF-16 by name', () => {
    assert.equal(refusal(Buffer.from('\ufeffa = 1', 'utf16le')), '1:1 error the file is UTF-16; save it as UTF-8');
  });

  it('is refused with line and column where it is not UTF-8', () => {
    const latin1 = Buffer.concat([Buffer.from('a = 1\nü = "x'), Buffer.from([0xe9]), Buffer.from('"\nb = 2\n')]);
    assert.equal(refusal(latin1), '2:7 error this is not UTF-8; save the file as UTF-8');
  });

  it('is refused when it is a program', () => {
    assert.match(refusal(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0])), /^1:1 error illegal character in key/);
  });

  it('may not reach for the prototype', () => {
    for (const text of [
      '__proto__ = 1',
      '[__proto__]\nx = 1',
      'a = { __proto__ = { x = 1 } }',
      '["__proto__".x]',
      'constructor.prototype.x = 1',
    ]) {
      assert.match(refusal(text), /unsafe property; the names __proto__ and constructor are not allowed: choose another$/, text);
    }
    assert.equal(Reflect.get({}, 'x'), undefined);
  });

  it('has no dates, which would pass for empty tables', () => {
    assert.equal(refusal('[global]\nlogging = 2026-01-01'), '2:1 error no setting is a date; put it between double quotes');
  });

  it('is refused when it nests too deep, by lists or by dots', () => {
    assert.match(refusal(`a = ${'['.repeat(40)}${']'.repeat(40)}`), /nested/);
    assert.match(refusal(`${'a.'.repeat(40)}b = 1`), /nested deeper than 32/);
  });

  it('is refused when it has more keys than a daemon can hold', () => {
    assert.match(refusal(`a = [${'1,'.repeat(9000)}]`), /^1:1 error it has more than 8192 keys and elements; shorten it/);
    assert.match(refusal(`${'a.'.repeat(20_000)}b = 1`), /more than 8192/);
  });

  it('is refused or accepted, and never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parseDocument('x', Buffer.from(bytes))));
    const piece = fc.constantFrom('[', ']', '{', '}', '=', ',', '.', '"', "'", '\\', '#', '\n', 'a', '1', '-', ' ', '\0');
    fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => void parseDocument('x', Buffer.from(pieces.join('')))));
  });
});

describe('a syntax error', () => {
  const cases: readonly (readonly [text: string, said: string])[] = [
    ['[global.logging]\nlevel = warn', '2:9 error invalid value; put the text between double quotes: level = "…"'],
    ['json = yes', '1:8 error invalid value; write json = true'],
    ['json = False # no', '1:8 error invalid value; write json = false'],
    [
      'a = 1\na = 2',
      '2:1 error trying to redefine an already defined table or value; this key or table stands in the file already: join the two',
    ],
    [
      '[a]\n[b]\n[a]',
      '3:2 error trying to redefine an already defined table or value; this key or table stands in the file already: join the two',
    ],
    ['a = "x', '1:5 error unfinished string; close the text with the quote that it begins with'],
    ['a = [', '1:5 error unfinished array; close the list with "]"'],
    [
      'a = [1 2]',
      '1:8 error expected comma or end of structure; separate the elements with "," and close the list with "]" or the table with "}"',
    ],
    [
      'a = 1 b = 2',
      '1:7 error each key-value declaration must be followed by an end-of-line; put each setting on a line of its own, and text between double quotes',
    ],
    ['mode = 0750', '1:8 error illegal leading zero; write the number without the zero in front; octal is 0o750'],
    [
      'a = 99999999999999999999',
      '1:5 error integer value cannot be represented losslessly; write a number below 9007199254740992',
    ],
    ['a = "C:\\dir"', '1:9 error unrecognised escape sequence; write a backslash as \\\\, or put the text between single quotes'],
    [
      'é = 1',
      '1:1 error illegal character in key; a key has letters, digits, "_" and "-" only; put any other between double quotes',
    ],
  ];

  for (const [text, said] of cases) {
    it(`says what to write instead of ${JSON.stringify(text)}`, () => assert.equal(refusal(text), said));
  }

  it('does not repeat what stands there, which may be a password', () => {
    assert.ok(!refusal('password = hunter2').includes('hunter2'));
  });
});
