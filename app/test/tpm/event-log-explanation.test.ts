// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventLog } from '../../src/tpm/event-log.ts';
import { extended } from '../../src/tpm/event-log-bank.ts';
import { differenceText, explainDifference, type RunningBoot } from '../../src/tpm/event-log-explanation.ts';
import { recordBoot } from '../../src/tpm/event-log-record.ts';
import { replay } from '../../src/tpm/event-log-replay.ts';
import { EventType } from '../../src/tpm/event-log-types.ts';
import { event, firmwarePcrs, realBoot } from './event-log-fixture.ts';

const pcrs = new Set(firmwarePcrs);

function state(log: EventLog, commandLine?: string): RunningBoot {
  const logged = replay(log.events, 'sha256');
  const values = new Map(firmwarePcrs.map((pcr) => [pcr, logged.get(pcr) ?? Buffer.alloc(32)]));
  return { values, logged, record: recordBoot(log, 'sha256', pcrs, commandLine) };
}

function explained(before: RunningBoot, after: RunningBoot): string[] {
  return explainDifference(before, after, { platform: 'uefi', bank: 'sha256' }).map(differenceText);
}

const boot = realBoot('measured-boot');
const before = state(boot.log, boot.commandLine);

describe('the explanation of a refused unseal', () => {
  it('is empty for the same boot', () => {
    assert.deepEqual(explained(before, before), []);
  });

  it('names the words of a changed command line', () => {
    const changed = realBoot('measured-boot-extra-word');
    assert.deepEqual(explained(before, state(changed.log, changed.commandLine)), [
      'PCR 9 (the kernel command line and the initial RAM disk): the kernel command line changed: with "extra=c"',
    ]);
  });

  it('says that the command line changed when nobody knows its words', () => {
    const changed = realBoot('measured-boot-extra-word');
    assert.deepEqual(explained(state(boot.log), state(changed.log)), [
      'PCR 9 (the kernel command line and the initial RAM disk): the kernel command line changed',
    ]);
  });

  it('does not believe a command line that was not measured', () => {
    const changed = realBoot('measured-boot-extra-word');
    assert.deepEqual(explained(before, state(changed.log, 'something else')), [
      'PCR 9 (the kernel command line and the initial RAM disk): the kernel command line changed',
    ]);
  });

  it('names another kernel', () => {
    const events = boot.log.events.map((one) =>
      one.type === EventType.efiBootServicesApplication ? event(4, one.type, one.data, 'another kernel') : one,
    );
    assert.deepEqual(explained(before, state({ banks: ['sha256'], events }, boot.commandLine)), [
      'PCR 4 (the boot loader or kernel that the firmware started): the program that the firmware started changed',
    ]);
  });

  it('names what was added and what is gone', () => {
    const application = event(4, EventType.efiBootServicesApplication, Buffer.alloc(32), 'a second program');
    const events = [...boot.log.events.filter((one) => one.type !== EventType.efiAction), application];
    const words = explained(before, state({ banks: ['sha256'], events }, boot.commandLine)).join('\n');
    assert.match(words, /PCR 4 .*the program that the firmware started was added: one without a file name, 0 bytes/);
    assert.match(words, /PCR 5 .*the step of the firmware: Exit Boot Services Invocation is gone/);
  });

  it('names Secure Boot that was switched off', () => {
    const secureBoot = (on: boolean) => {
      const header = Buffer.alloc(32);
      header.writeBigUInt64LE(10n, 16);
      header.writeBigUInt64LE(1n, 24);
      const data = Buffer.concat([header, Buffer.from('SecureBoot', 'utf16le'), Buffer.from([on ? 1 : 0])]);
      return state({ banks: ['sha256'], events: [event(7, EventType.efiVariableDriverConfig, data)] });
    };
    assert.deepEqual(explained(secureBoot(true), secureBoot(false)), [
      'PCR 7 (Secure Boot: whether it is on, and its keys): the state of Secure Boot changed from "on" to "off"',
    ]);
  });

  it('says so when a PCR was extended by something that is not in the log', () => {
    const value = before.values.get(9) ?? Buffer.alloc(32);
    const values = new Map(before.values).set(9, extended('sha256', value, Buffer.alloc(32, 1)));
    assert.deepEqual(explained(before, { ...before, values }), [
      'PCR 9 (the kernel command line and the initial RAM disk): something was measured after the firmware had ended its log',
    ]);
  });

  it('has no cause, but PCR and meaning, where there is no log', () => {
    const changed = state(realBoot('measured-boot-extra-word').log);
    assert.deepEqual(explained(before, { ...changed, record: undefined, logged: undefined }), [
      'PCR 9 (the kernel command line and the initial RAM disk)',
    ]);
  });

  it('has the values in hexadecimal digits, for a program', () => {
    const [difference] = explainDifference(before, state(realBoot('measured-boot-extra-word').log), {
      platform: 'uefi',
      bank: 'sha256',
    });
    assert.equal(difference?.expected, before.values.get(9)?.toString('hex'));
    assert.notEqual(difference?.found, difference?.expected);
  });
});
