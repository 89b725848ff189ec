// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SesameError } from '../../src/core/errors.ts';
import { EfiImage } from '../../src/tpm/predict-image.ts';
import { rounds, seededRandom } from '../support/campaign.ts';
import { temporaryDirectory } from '../support/directory.ts';

const directory = temporaryDirectory();
const headerSize = 512;
const peAt = 64;
const checksumAt = peAt + 24 + 64;
const certificateAt = peAt + 24 + 112 + 4 * 8;
const sectionsAt = peAt + 24 + 160;

/** A PE32+ file of two sections, as small as they come. */
function image({ certificate = 0 } = {}): Buffer {
  const bytes = Buffer.alloc(headerSize + 1024 + certificate, 0x5a);
  bytes.fill(0, 0, headerSize);
  bytes.write('MZ', 0);
  bytes.writeUInt32LE(peAt, 0x3c);
  bytes.write('PE\0\0', peAt);
  bytes.writeUInt16LE(2, peAt + 6);
  bytes.writeUInt16LE(160, peAt + 20);
  bytes.writeUInt16LE(0x20b, peAt + 24);
  bytes.writeUInt32LE(headerSize, peAt + 24 + 60);
  bytes.writeUInt32LE(6, peAt + 24 + 108);
  bytes.writeUInt32LE(certificate === 0 ? 0 : headerSize + 1024, certificateAt);
  bytes.writeUInt32LE(certificate, certificateAt + 4);
  const section = (index: number, name: string, virtualSize: number, start: number) => {
    const at = sectionsAt + index * 40;
    bytes.write(name, at);
    bytes.writeUInt32LE(virtualSize, at + 8);
    bytes.writeUInt32LE(512, at + 16);
    bytes.writeUInt32LE(start, at + 20);
  };
  section(0, '.text', 512, headerSize);
  section(1, '.cmdline', 5, headerSize + 512);
  bytes.write('quiet', headerSize + 512);
  return bytes;
}

function load(bytes: Buffer): EfiImage {
  const path = join(directory, 'image.efi');
  writeFileSync(path, bytes);
  return EfiImage.read(path);
}

const digest = (bytes: Buffer) => load(bytes).digest('sha256').toString('hex');

describe('the digest of an EFI program', () => {
  it('is the hash of the file without checksum and signatures', () => {
    const bytes = image({ certificate: 64 });
    const hashed = [bytes.subarray(0, checksumAt), bytes.subarray(checksumAt + 4, certificateAt)];
    hashed.push(bytes.subarray(certificateAt + 8, headerSize + 1024));
    assert.equal(digest(bytes), createHash('sha256').update(Buffer.concat(hashed)).digest('hex'));
  });

  it('does not change when the program is signed', () => {
    assert.equal(digest(image()), digest(image({ certificate: 128 })));
  });

  it('changes with every byte but those of the checksum and the signatures', () => {
    const bytes = image({ certificate: 64 });
    const original = digest(bytes);
    const unmeasured = (at: number) =>
      (at >= checksumAt && at < checksumAt + 4) || (at >= certificateAt && at < certificateAt + 8) || at >= headerSize + 1024;
    const structure = (at: number) => at < sectionsAt + 80;
    for (let at = 0; at < bytes.length; at += 7) {
      if (structure(at) && !unmeasured(at)) continue; // another layout, or none
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      if (at >= certificateAt && at < certificateAt + 8) continue;
      assert.equal(digest(changed) === original, unmeasured(at), `byte ${at}`);
    }
  });

  it('includes what stands behind the sections', () => {
    assert.notEqual(digest(Buffer.concat([image(), Buffer.from('more')])), digest(image()));
  });
});

describe('an EFI program', () => {
  it('has sections of the size that they have in memory', () => {
    assert.equal(load(image()).section('.cmdline')?.toString(), 'quiet');
    assert.equal(load(image()).section('.initrd'), undefined);
  });

  it('is refused by name when it is none', () => {
    for (const [bytes, reason] of [
      [Buffer.from('#!/bin/sh\n'), /CONFIG_EFI_STUB/],
      [Buffer.alloc(0), /CONFIG_EFI_STUB/],
      [Buffer.concat([Buffer.from('MZ'), Buffer.alloc(100)]), /no PE header/],
      [image().subarray(0, headerSize + 700), /reaches beyond its end/],
    ] as const) {
      assert.throws(
        () => load(bytes),
        (thrown) => thrown instanceof SesameError && thrown.code === 'boot-file-unusable' && reason.test(thrown.message),
      );
    }
    assert.throws(() => EfiImage.read(directory), /not a regular file/);
  });

  it('of any bytes is measured or refused', () => {
    const random = seededRandom();
    for (let round = 0; round < rounds(500, 20_000); round += 1) {
      const bytes = image({ certificate: 64 });
      for (let count = 0; count < 3; count += 1) bytes[random.below(sectionsAt + 80)] = random.below(256);
      try {
        digest(bytes);
      } catch (thrown) {
        assert.ok(thrown instanceof SesameError && thrown.code === 'boot-file-unusable', `seed ${random.seed}: ${thrown}`);
      }
    }
  });
});
