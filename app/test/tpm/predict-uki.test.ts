// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadOptions } from '../../src/tpm/event-log-record.ts';
import { replay } from '../../src/tpm/event-log-replay.ts';
import { EventTag, EventType } from '../../src/tpm/event-log-types.ts';
import { type PlannedBoot, predictLog } from '../../src/tpm/predict.ts';
import { EfiImage } from '../../src/tpm/predict-image.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { failsWith } from '../support/failures.ts';
import { event } from './event-log-fixture.ts';

const directory = temporaryDirectory();
const utf16 = (text: string) => Buffer.from(`${text}\0`, 'utf16le');

/** A PE32+ file with these sections, as small as it comes: each has whole blocks on the disk and its own length in memory. */
function image(name: string, sections: Readonly<Record<string, string | Buffer>>): string {
  const [pe, optionalSize, block] = [64, 160, 512];
  const table = pe + 24 + optionalSize;
  const entries = Object.entries(sections).map(([section, content]) => [section, Buffer.from(content)] as const);
  const onDisk = (content: Buffer) => block * Math.ceil(content.length / block);
  const bytes = Buffer.alloc(block + entries.reduce((sum, [, content]) => sum + onDisk(content), 0));
  bytes.write('MZ');
  bytes.writeUInt32LE(pe, 0x3c);
  bytes.write('PE\0\0', pe);
  bytes.writeUInt16LE(entries.length, pe + 6);
  bytes.writeUInt16LE(optionalSize, pe + 20);
  bytes.writeUInt16LE(0x20b, pe + 24);
  bytes.writeUInt32LE(block, pe + 24 + 60);
  bytes.writeUInt32LE(6, pe + 24 + 108);
  let start = block;
  for (const [index, [section, content]] of entries.entries()) {
    const at = table + index * 40;
    bytes.write(section, at);
    bytes.writeUInt32LE(content.length, at + 8);
    bytes.writeUInt32LE(onDisk(content), at + 16);
    bytes.writeUInt32LE(start, at + 20);
    content.copy(bytes, start);
    start += onDisk(content);
  }
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

/** As systemd-stub measures a section: its name, then its content. */
const measured = (name: string, content: string) => [
  event(11, EventType.ipl, utf16(name), `${name}\0`),
  event(11, EventType.ipl, utf16(name), content),
];

describe('the prediction for a unified kernel image', () => {
  const running = {
    bank: 'sha256',
    commandLine: 'quiet',
    log: {
      banks: ['sha256'],
      events: [event(4, EventType.efiBootServicesApplication, Buffer.alloc(32), 'old'), ...measured('.linux', 'old kernel')],
    },
  } as const;

  it('measures name and content of every section in the order of the stub, and no signature', () => {
    const kernel = image('next.efi', {
      '.pcrsig': 'signature',
      '.cmdline': 'quiet',
      '.osrel': 'ID=next',
      '.linux': 'new kernel',
    });
    const events = [...measured('.linux', 'new kernel'), ...measured('.osrel', 'ID=next'), ...measured('.cmdline', 'quiet')];
    const predicted = predictLog(running, { kernel, kernelIsUki: true }).events;
    assert.equal(replay(predicted, 'sha256').get(11)?.toString('hex'), replay(events, 'sha256').get(11)?.toString('hex'));
  });

  it('measures the image itself too', () => {
    const kernel = image('other.efi', { '.linux': 'new kernel' });
    const predicted = predictLog(running, { kernel, kernelIsUki: true }).events;
    assert.notDeepEqual(predicted[0]?.digests, running.log.events[0]?.digests);
  });

  it('is refused where what runs is no unified kernel image: what its stub would do is not known', () => {
    const kernel = image('first.efi', { '.linux': 'new kernel' });
    const log = { banks: ['sha256'] as const, events: running.log.events.slice(0, 1) };
    assert.throws(
      () => predictLog({ ...running, log }, { kernel, kernelIsUki: true }),
      failsWith('boot-unpredictable', 'not booted from a unified kernel image'),
    );
  });

  it('is refused for a program with no kernel inside', () => {
    const kernel = image('none.efi', { '.osrel': 'ID=next' });
    assert.throws(() => predictLog(running, { kernel, kernelIsUki: true }), failsWith('boot-file-unusable', 'no kernel inside'));
  });
});

describe('the prediction for a unified kernel image whose kernel is started by the firmware', () => {
  const tag = (tag: number) => {
    const header = Buffer.alloc(8);
    header.writeUInt32LE(tag);
    return header;
  };
  const running = {
    bank: 'sha256',
    commandLine: 'quiet',
    log: {
      banks: ['sha256'],
      events: [
        event(4, EventType.efiBootServicesApplication, Buffer.alloc(32), 'old image'),
        ...measured('.linux', 'old kernel'),
        event(4, EventType.efiBootServicesApplication, Buffer.alloc(32), 'old kernel'),
        event(9, EventType.eventTag, tag(EventTag.linuxLoadOptions), loadOptions('quiet')),
        event(9, EventType.eventTag, tag(EventTag.linuxInitrd), 'old disk'),
      ],
    },
  } as const;
  const inside = image('inside.efi', { '.text': 'code' });
  const predict = (sections: Readonly<Record<string, string | Buffer>>, more: Partial<PlannedBoot> = {}) => {
    const kernel = image('whole.efi', { '.linux': readFileSync(inside), ...sections });
    const { events } = predictLog(running, { kernel, kernelIsUki: true, ...more });
    const digests = (pcr: number) =>
      events.filter((one) => one.pcr === pcr).map((one) => one.digests.get('sha256')?.toString('hex'));
    return { kernel, digests };
  };
  const hash = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');

  it('measures the image, and then the kernel inside', () => {
    const { kernel, digests } = predict({ '.cmdline': 'quiet' });
    assert.deepEqual(
      digests(4),
      [kernel, inside].map((path) => EfiImage.read(path).digest('sha256').toString('hex')),
    );
  });

  it('measures the command line and the initial RAM disk inside as its kernel does', () => {
    const { digests } = predict({ '.cmdline': 'quiet next', '.initrd': 'new disk' });
    assert.deepEqual(digests(9), [hash(loadOptions('quiet next')), hash('new disk')]);
  });

  it('has no initial RAM disk where the image has none', () => {
    assert.deepEqual(predict({ '.cmdline': 'quiet' }).digests(9), [hash(loadOptions('quiet'))]);
  });

  it('takes the command line that is named for that of the boot loader', () => {
    assert.deepEqual(predict({ '.cmdline': 'quiet' }, { commandLine: 'other' }).digests(9), [hash(loadOptions('other'))]);
  });

  for (const text of ['quiet\n', ' quiet', 'two\nlines']) {
    it(`is refused for the command line ${JSON.stringify(text)}, of which versions of the stub make different ones`, () => {
      assert.throws(() => predict({ '.cmdline': text }), failsWith('boot-unpredictable', 'blank'));
    });
  }

  it('is refused where the stub packs an initial RAM disk of its own, unless the whole of it is named', () => {
    const sections = { '.cmdline': 'quiet', '.pcrsig': 'signature' };
    assert.throws(() => predict(sections), failsWith('boot-unpredictable', '--initrd'));
    const whole = join(directory, 'whole.cpio');
    writeFileSync(whole, 'whole disk');
    assert.equal(predict(sections, { initrd: whole }).digests(9)[1], hash('whole disk'));
  });
});
