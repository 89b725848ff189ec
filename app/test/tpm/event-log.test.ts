// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { SesameError } from '../../src/core/errors.ts';
import { parseEventLog, readEventLog } from '../../src/tpm/event-log.ts';
import { eventLogBankNames } from '../../src/tpm/event-log-bank.ts';
import { describeEvent } from '../../src/tpm/event-log-description.ts';
import { replay } from '../../src/tpm/event-log-replay.ts';
import { parsePcrFile } from '../../src/tpm/predict-pcr-file.ts';
import { rounds, seededRandom } from '../support/campaign.ts';
import { firmwarePcrs, realBoot } from './event-log-fixture.ts';

const boot = realBoot('measured-boot');

/** What tpm2-tools reads in the same log: PCR, digests and PCR values in hexadecimal digits. */
function tpm2EventLog(path: string): { events: { pcr: number; digests: string[] }[]; values: Map<string, string> } {
  const text = execFileSync('tpm2_eventlog', [path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const [log = '', pcrs = ''] = text.split('\npcrs:\n');
  const events = log
    .split('- EventNum: ')
    .slice(1)
    .map((part) => ({
      pcr: Number(/PCRIndex: (\d+)/.exec(part)?.[1]),
      digests: [...part.matchAll(/AlgorithmId: \w+\n\s+Digest: "([0-9a-f]+)"/g)].map((match) => match[1] ?? ''),
    }));
  const values = new Map<string, string>();
  let bank = '';
  for (const line of pcrs.split('\n')) {
    bank = /^ {2}(\w+):$/.exec(line)?.[1] ?? bank;
    const [, pcr, value] = /^ +(\d+) +: 0x([0-9a-f]+)$/.exec(line) ?? [];
    if (pcr !== undefined && value !== undefined) values.set(`${bank}:${pcr}`, value);
  }
  return { events, values };
}

function failure(bytes: Buffer): SesameError {
  try {
    parseEventLog(bytes, 'the log');
  } catch (thrown) {
    assert.ok(thrown instanceof SesameError, String(thrown));
    return thrown;
  }
  return assert.fail('it was accepted');
}

describe('the event log of a measured boot', () => {
  it('has the events that tpm2-tools finds in it', () => {
    const oracle = tpm2EventLog(boot.path);
    const [, ...oracleEvents] = oracle.events; // the first one is the log's header
    const ours = boot.log.events.map(({ pcr, digests }) => ({
      pcr,
      digests: [...digests.values()].map((digest) => digest.toString('hex')),
    }));
    assert.deepEqual(ours, oracleEvents);
    assert.ok(ours.length > 10);
  });

  it('leads to the PCR values that tpm2-tools computes and that the TPM had', () => {
    const oracle = tpm2EventLog(boot.path).values;
    for (const bank of eventLogBankNames) {
      const replayed = replay(boot.log.events, bank);
      for (const [pcr, value] of replayed) assert.equal(value.toString('hex'), oracle.get(`${bank}:${pcr}`), `${bank}:${pcr}`);
      const inTpm = parsePcrFile('the TPM', boot.pcrFile, { bank, pcrs: firmwarePcrs });
      for (const [pcr, value] of inTpm) {
        assert.equal((replayed.get(pcr) ?? Buffer.alloc(value.length)).toString('hex'), value.toString('hex'), `${bank}:${pcr}`);
      }
    }
  });

  it('says what was measured in words', () => {
    const words = boot.log.events.map((event) => {
      const { subject, detail } = describeEvent(event);
      return `${event.pcr}: ${subject}${detail === '' ? '' : `: ${detail}`}`;
    });
    for (const expected of [
      '7: state of Secure Boot: off',
      '4: program that the firmware started: kernel, 8135168 bytes',
      '1: boot option Boot0000: UiApp',
      '9: kernel command line',
      '5: step of the firmware: Exit Boot Services Invocation',
    ]) {
      assert.ok(words.includes(expected), `${expected} in ${words.join('\n')}`);
    }
  });

  it('may be followed by the rest of the memory that was set aside for it', () => {
    for (const filler of [0, 0xff]) {
      const padded = Buffer.concat([boot.bytes, Buffer.alloc(5000, filler)]);
      assert.equal(parseEventLog(padded, 'the log').events.length, boot.log.events.length);
    }
  });

  it('is missing on a machine that does not measure, which is no error', () => {
    assert.equal(readEventLog('/nowhere/binary_bios_measurements'), undefined);
  });

  it('is refused when it is of the form of TPM 1.2', () => {
    const old = Buffer.from(boot.bytes);
    old.write('Spec ID Event02', 32, 'latin1');
    assert.match(failure(old).message, /not of the crypto-agile form/);
  });

  it('starts PCR 0 with the locality that the TPM was started from', () => {
    const data = Buffer.concat([Buffer.from('StartupLocality\0'), Buffer.from([3])]);
    const [version] = boot.log.events;
    assert.ok(version !== undefined);
    const started = { pcr: 0, type: 3, data, digests: new Map() };
    const with3 = replay([started, version], 'sha256').get(0);
    const with0 = replay([version], 'sha256').get(0);
    assert.ok(with3 !== undefined && with0 !== undefined && !with3.equals(with0));
    assert.equal(replay([started], 'sha256').get(0)?.toString('hex'), `${'00'.repeat(31)}03`);
  });
});

describe('a malformed event log', () => {
  it('is refused by name wherever it is cut off inside an event, and never read past its end', () => {
    let accepted = 0;
    for (let length = 0; length < boot.bytes.length; length += 1) {
      try {
        const { events } = parseEventLog(boot.bytes.subarray(0, length), 'the log');
        assert.deepEqual(events, boot.log.events.slice(0, events.length));
        accepted += 1;
      } catch (thrown) {
        assert.ok(thrown instanceof SesameError && thrown.code === 'event-log-damaged', String(thrown));
        assert.match(thrown.message, /the log/);
      }
    }
    // A cut between two events cannot be noticed, nor one behind the first zeros of an event, which might be filling.
    const zerosAtMost = 4;
    assert.ok(accepted >= boot.log.events.length && accepted <= boot.log.events.length * (1 + zerosAtMost), `${accepted}`);
  });

  it('with a changed byte gives a log or an error that names it, in time and memory of its size', () => {
    const random = seededRandom();
    for (let round = 0; round < rounds(3_000, 100_000); round += 1) {
      const changed = Buffer.from(boot.bytes);
      for (let count = random.below(4); count >= 0; count -= 1) changed[random.below(changed.length)] = random.below(256);
      try {
        const { events } = parseEventLog(changed, 'the log');
        for (const event of events) describeEvent(event);
        replay(events, 'sha256');
      } catch (thrown) {
        assert.ok(thrown instanceof SesameError && thrown.code === 'event-log-damaged', `seed ${random.seed}: ${thrown}`);
      }
    }
  });

  it('of random bytes is refused', () => {
    const random = seededRandom();
    for (let round = 0; round < 300; round += 1) {
      const bytes = Buffer.from(Array.from({ length: 1 + random.below(600) }, () => random.below(256)));
      assert.equal(failure(bytes).code, 'event-log-damaged');
    }
  });

  it('cannot claim lengths that make this program allocate them', () => {
    const huge = Buffer.from(boot.bytes);
    huge.writeUInt32LE(0xffff_ffff, 28); // length of the first event's data
    assert.match(failure(huge).message, /ends in the middle/);
  });

  it('cannot name a PCR that does not exist', () => {
    const header = boot.bytes.subarray(0, 32 + boot.bytes.readUInt32LE(28));
    const event = Buffer.alloc(16);
    event.writeUInt32LE(24, 0);
    event.writeUInt32LE(4, 4);
    assert.match(failure(Buffer.concat([header, event])).message, /names PCR 24/);
  });
});
