// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { loggedValues, requireAccounted } from '../../src/tpm/event-log-account.ts';
import { extended, type PcrValues, pcrSelection } from '../../src/tpm/pcr-selection.ts';
import { parsePcrFile } from '../../src/tpm/predict-pcr-file.ts';
import { failsWith } from '../factors/fixture.ts';
import { event, realBoot } from './event-log-fixture.ts';

const selection = pcrSelection('sha256', [0, 4, 7, 9, 12]);
const { log, pcrFile, path } = realBoot('measured-boot');
const measured = parsePcrFile(path, pcrFile, pcrSelection('sha256', [0, 4, 7, 9]));
const now: PcrValues = new Map([...measured, [12, Buffer.alloc(32)]]);

function nowWith(pcr: number, value: Buffer): PcrValues {
  return new Map([...now, [pcr, value]]);
}

describe('the event log of this boot', () => {
  it('leads to the values that the TPM had', () => {
    assert.deepEqual(loggedValues(log, selection), now);
    requireAccounted(log, selection, now);
  });

  it('does not account for a PCR that something extended later', () => {
    const later = nowWith(9, extended('sha256', now.get(9) ?? Buffer.alloc(0), Buffer.alloc(32, 1)));
    assert.throws(() => requireAccounted(log, selection, later), failsWith('boot-unpredictable', 'PCR 9 '));
  });

  it('does not account for a PCR that was extended without any event', () => {
    const later = nowWith(12, Buffer.alloc(32, 1));
    assert.throws(() => requireAccounted(log, selection, later), failsWith('boot-unpredictable', 'PCR 12 '));
  });

  it('does not account for a PCR whose value is not known', () => {
    const unknown = new Map([...now].filter(([pcr]) => pcr !== 4));
    assert.throws(() => requireAccounted(log, selection, unknown), failsWith('boot-unpredictable', 'PCR 4 '));
  });

  it('accounts for a PCR that was capped', () => {
    const cap = createHash('sha256').update('open-sesame: the boot state is capped').digest();
    requireAccounted(log, selection, nowWith(12, extended('sha256', Buffer.alloc(32), cap)));
  });

  it('tells nothing about a bank that it does not keep', () => {
    const oneBank = { banks: ['sha256' as const], events: [event(4, 1, 'measured')] };
    assert.throws(() => loggedValues(oneBank, pcrSelection('sha384', [4])), failsWith('boot-unpredictable', 'sha384'));
  });
});
