// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  bech32mConstant,
  bech32Polymod,
  decodeRecoveryKey,
  encodeRecoveryKey,
  newRecoveryKey,
  recoveryKeyTextLength,
} from '../../src/factors/recovery-key.ts';
import { failsWith, memory, reveal, secret } from './fixture.ts';

const symbols = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

function encode(key: Buffer): string {
  return Buffer.from(reveal(encodeRecoveryKey(memory, memory.take(Buffer.from(key)))), 'hex').toString('latin1');
}

function decode(text: string): string {
  return reveal(decodeRecoveryKey(memory, secret(text)));
}

/** The symbols of the text form without dashes, and how to put a changed list back. */
function explode(text: string): string[] {
  return [...text.replaceAll('-', '')];
}

describe('the text form of a recovery key', () => {
  it('gives back any 32 bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        assert.equal(decode(encode(Buffer.from(bytes))), Buffer.from(bytes).toString('hex'));
      }),
      { numRuns: 50 },
    );
  });

  it('holds the key as base32 of its number, by an arithmetic of its own', () => {
    const key = randomBytes(32);
    let rest = BigInt(`0x${key.toString('hex')}`) << 4n;
    let expected = '';
    for (let index = 0; index < 52; index++) {
      expected = (symbols[Number(rest & 31n)] ?? '') + expected;
      rest >>= 5n;
    }
    assert.equal(explode(encode(key)).slice(0, 52).join(''), expected);
  });

  it('is ten groups of five and two of four', () => {
    assert.match(encode(randomBytes(32)), /^(?:[0-9A-Z]{5}-){10}[0-9A-Z]{4}-[0-9A-Z]{4}$/);
  });

  it('has the length that it says it has', () => {
    assert.equal(encode(randomBytes(32)).length, recoveryKeyTextLength);
  });

  it('is another one each time', () => {
    assert.notEqual(reveal(newRecoveryKey(memory)), reveal(newRecoveryKey(memory)));
  });
});

describe('the checksum', () => {
  // Valid strings of BIP-350, their human-readable part expanded as it prescribes.
  const bech32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
  for (const text of [
    'a1lqfn3a',
    'abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx',
    'split1checkupstagehandshakeupstreamerranterredcaperredlc445v',
  ]) {
    it(`is the one of BIP-350 for ${text}`, () => {
      const [prefix = '', data = ''] = text.split('1');
      const bytes = Buffer.from(prefix, 'latin1');
      const values = [...bytes.map((byte) => byte >>> 5), 0, ...bytes.map((byte) => byte & 31)];
      const word = [...values, ...[...data].map((character) => bech32.indexOf(character))];
      assert.equal(bech32Polymod(Buffer.from(word)), bech32mConstant);
    });
  }

  it('finds every wrong symbol', () => {
    const typed = explode(encode(randomBytes(32)));
    for (const [place, right] of typed.entries()) {
      for (const wrong of symbols.replace(right, '')) {
        assert.throws(
          () => decode(typed.with(place, wrong).join('')),
          failsWith('recovery-key-malformed', 'checksum'),
          `${place}`,
        );
      }
    }
  });

  it('finds every transposition of neighbours', () => {
    for (let round = 0; round < 20; round++) {
      const typed = explode(encode(randomBytes(32)));
      for (let place = 1; place < typed.length; place++) {
        const [left = '', right = ''] = typed.slice(place - 1, place + 1);
        if (left === right) continue;
        const swapped = typed
          .with(place - 1, right)
          .with(place, left)
          .join('');
        assert.throws(() => decode(swapped), failsWith('recovery-key-malformed', 'checksum'), `${place}`);
      }
    }
  });
});

describe('a typed recovery key', () => {
  const key = Buffer.alloc(32, 0x01);
  const text = encode(key);

  const tolerated: [string, string][] = [
    ['in lower case', text.toLowerCase()],
    ['without dashes', text.replaceAll('-', '')],
    ['with spaces for dashes and a line end', ` ${text.replaceAll('-', '  ')}\r\n`],
    ['with O for 0', text.replaceAll('0', 'O')],
    ['with o for 0', text.replaceAll('0', 'o')],
    ['with I for 1', text.replaceAll('1', 'I')],
    ['with l for 1', text.replaceAll('1', 'l')],
  ];
  for (const [how, typed] of tolerated) {
    it(`is accepted ${how}`, () => {
      assert.equal(decode(typed), key.toString('hex'));
    });
  }

  const refused: [string, string, string][] = [
    ['empty', '', '0 characters instead of 58'],
    ['one symbol short', text.slice(0, -1), '57 characters instead of 58'],
    ['one symbol long', `${text}0`, '59 characters instead of 58'],
    ['very long', text.repeat(1000), '58000 characters instead of 58'],
    ['with a letter that no key has', text.replace(/^../, '0U'), 'character 2'],
    ['with a byte above ASCII', `\xe4${text.slice(1)}`, 'character 1'],
  ];
  for (const [how, typed, mention] of refused) {
    it(`is refused ${how}, saying so`, () => {
      assert.throws(() => decode(typed), failsWith('recovery-key-malformed', mention));
    });
  }

  it('is refused when its four spare bits are set under a right checksum', () => {
    const values = explode(text).map((character) => symbols.indexOf(character));
    const data = [...values.slice(0, 51), (values[51] ?? 0) | 1];
    const checksum = bech32Polymod(Buffer.from([...data, 0, 0, 0, 0, 0, 0])) ^ bech32mConstant;
    const word = [...data, ...[25, 20, 15, 10, 5, 0].map((shift) => (checksum >>> shift) & 31)];
    const typed = word.map((value) => symbols[value]).join('');
    assert.throws(() => decode(typed), failsWith('recovery-key-malformed', 'kind'));
  });

  it('never appears in the message', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8, unit: fc.constantFrom(...'!$%&()*+=?@#') }), (typed) => {
        assert.throws(
          () => decode(typed),
          (thrown) => failsWith('recovery-key-malformed')(thrown) && !String(thrown).includes(typed),
        );
      }),
      { numRuns: 50 },
    );
  });
});
