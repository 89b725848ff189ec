// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SesameError } from '../../src/core/errors.ts';
import { bootRecordLimit, parseBootRecord, recordBoot, serialiseBootRecord } from '../../src/tpm/event-log-record.ts';
import { EventType } from '../../src/tpm/event-log-types.ts';
import { event, realBoot } from './event-log-fixture.ts';

const boot = realBoot('measured-boot');
const record = recordBoot(boot.log, 'sha256', new Set([0, 4, 7, 9]), boot.commandLine);

function serialised(): Buffer {
  const bytes = serialiseBootRecord(record);
  assert.ok(bytes !== undefined);
  return bytes;
}

describe('the record of a boot', () => {
  it('has the events of the PCRs that a policy selects, and no others', () => {
    assert.deepEqual([...new Set(record.events.map(({ pcr }) => pcr))].sort(), [0, 4, 7, 9]);
  });

  it('has the command line, which the log itself has not', () => {
    assert.equal(record.events.find(({ pcr }) => pcr === 9)?.detail, boot.commandLine);
  });

  it('reads as it was written', () => {
    assert.deepEqual(parseBootRecord('file', serialised()), record);
  });

  it('of a real boot has a few kilobytes', () => {
    assert.ok(serialised().length < 4096, `${serialised().length}`);
  });

  it('gives up its details, then itself, when a log is too large', () => {
    const many = (count: number) => ({
      banks: ['sha256' as const],
      events: Array.from({ length: count }, (_, index) => event(8, EventType.ipl, `grub_cmd: ${'x'.repeat(140)} ${index}`)),
    });
    const pcrs = new Set([8]);
    const large = serialiseBootRecord(recordBoot(many(400), 'sha256', pcrs));
    assert.ok(large !== undefined && large.length <= bootRecordLimit);
    assert.ok(parseBootRecord('file', large).events.every(({ detail }) => detail === ''));
    assert.equal(serialiseBootRecord(recordBoot(many(1_000), 'sha256', pcrs)), undefined);
  });

  it('is refused by the name of its file when it is cut off anywhere', () => {
    const bytes = serialised();
    for (let length = 0; length < bytes.length; length += 1) {
      assert.throws(
        () => parseBootRecord('the file', bytes.subarray(0, length)),
        (thrown) => thrown instanceof SesameError && thrown.code === 'file-damaged' && thrown.message.includes('the file'),
      );
    }
  });

  it('with any byte changed gives a record or an error that names its file', () => {
    const bytes = serialised();
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x11;
      try {
        parseBootRecord('the file', changed);
      } catch (thrown) {
        assert.ok(thrown instanceof SesameError && ['file-damaged', 'file-too-new'].includes(thrown.code), String(thrown));
      }
    }
  });
});
