// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SesameError } from '../../src/core/errors.ts';
import { parsePcrFile, readPcrFile } from '../../src/tpm/predict-pcr-file.ts';
import { seededRandom } from '../support/campaign.ts';

const choice = { bank: 'sha256', pcrs: [4, 9] } as const;
const [four, nine] = ['4'.repeat(64), '9'.repeat(64)];

function values(content: string | Buffer): string[] {
  return [...parsePcrFile('the file', Buffer.from(content), choice)].map(([pcr, value]) => `${pcr}: ${value.toString('hex')}`);
}

function reason(content: string | Buffer): string {
  try {
    values(content);
  } catch (thrown) {
    assert.ok(thrown instanceof SesameError && thrown.code === 'pcr-file-malformed', String(thrown));
    assert.match(thrown.message, /the file.*tpm2_pcrread sha256:4,9/);
    return thrown.message;
  }
  return assert.fail('it was accepted');
}

describe('a file of predicted PCR values', () => {
  it('is read as tpm2_pcrread prints it, other banks and PCRs aside', () => {
    const text = `  sha1:\n    4 : 0x${'1'.repeat(40)}\n  sha256:\n    4 : 0x${four}\n    7 : 0x${four}\n    9 : 0x${nine.toUpperCase()}\n`;
    assert.deepEqual(values(text), [`4: ${four}`, `9: ${nine}`]);
  });

  it('may have comments and no 0x', () => {
    assert.deepEqual(values(`# the next release\nsha256:\n9: ${nine} # kernel\n4: ${four}\r\n`), [`4: ${four}`, `9: ${nine}`]);
  });

  it('is read as tpm2_pcrread -o writes it', () => {
    assert.deepEqual(values(Buffer.from(four.replaceAll('4', 'f4').slice(0, 64) + nine, 'hex')), [
      `4: ${'f4'.repeat(32)}`,
      `9: ${nine}`,
    ]);
  });

  for (const [what, content, expected] of [
    ['empty', '', /empty/],
    ['without one of the PCRs', `sha256:\n4: 0x${four}\n`, /no sha256 value of PCR 9/],
    ['of another bank', `sha384:\n4: 0x${'4'.repeat(96)}\n9: 0x${'9'.repeat(96)}\n`, /no sha256 value of PCR 4/],
    ['of a bank that does not exist', `md5:\n4: 0x${four}\n`, /line 1, there is no PCR bank md5/],
    ['with a value that is too short', `sha256:\n4: 0x${four.slice(2)}\n`, /line 2, a value of sha256 has 64 digits/],
    ['with a PCR twice', `sha256:\n4: 0x${four}\n4: 0x${four}\n`, /line 3, PCR 4 is there twice/],
    ['with a PCR that does not exist', `sha256:\n24: 0x${four}\n`, /line 2, there is no PCR 24/],
    ['with a PCR before its bank', `4: 0x${four}\n`, /line 1, a PCR stands before/],
    ['with something else in it', `sha256:\nhello\n`, /line 2, there is neither/],
    ['with the wrong number of bytes', Buffer.alloc(63, 0xff), /it has 63 bytes and 2 PCRs of sha256 have 64/],
  ] as const) {
    it(`${what} is refused with its reason`, () => {
      assert.match(reason(content), expected);
    });
  }

  it('that is not there is refused by name', () => {
    assert.throws(() => readPcrFile('/nowhere/pcrs', choice), /\/nowhere\/pcrs is malformed: there is no such file/);
  });

  it('with random changes is read or refused, never more', () => {
    const random = seededRandom();
    const text = Buffer.from(`sha256:\n4 : 0x${four}\n9 : 0x${nine}\n`);
    for (let round = 0; round < 2_000; round += 1) {
      const changed = Buffer.from(text.subarray(0, 1 + random.below(text.length)));
      changed[random.below(changed.length)] = random.below(256);
      try {
        values(changed);
      } catch (thrown) {
        assert.ok(thrown instanceof SesameError && thrown.code === 'pcr-file-malformed', `seed ${random.seed}: ${thrown}`);
      }
    }
  });
});
