// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { replay } from '../../src/tpm/event-log-replay.ts';
import { EventType } from '../../src/tpm/event-log-types.ts';
import { predictLog } from '../../src/tpm/predict.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { event } from './event-log-fixture.ts';

const directory = temporaryDirectory();
const utf16 = (text: string) => Buffer.from(`${text}\0`, 'utf16le');

/** A PE32+ file with these sections, as small as it comes: each has 512 bytes on the disk and its own length in memory. */
function image(name: string, sections: Readonly<Record<string, string>>): string {
  const [pe, optionalSize, block] = [64, 160, 512];
  const table = pe + 24 + optionalSize;
  const entries = Object.entries(sections);
  const bytes = Buffer.alloc(block * (1 + entries.length));
  bytes.write('MZ');
  bytes.writeUInt32LE(pe, 0x3c);
  bytes.write('PE\0\0', pe);
  bytes.writeUInt16LE(entries.length, pe + 6);
  bytes.writeUInt16LE(optionalSize, pe + 20);
  bytes.writeUInt16LE(0x20b, pe + 24);
  bytes.writeUInt32LE(block, pe + 24 + 60);
  bytes.writeUInt32LE(6, pe + 24 + 108);
  for (const [index, [section, content]] of entries.entries()) {
    const [at, start] = [table + index * 40, block * (index + 1)];
    bytes.write(section, at);
    bytes.writeUInt32LE(content.length, at + 8);
    bytes.writeUInt32LE(block, at + 16);
    bytes.writeUInt32LE(start, at + 20);
    bytes.write(content, start);
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
});
