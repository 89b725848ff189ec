// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { KeyFiles, type KeyPair } from '../../src/bus/keys.ts';
import { failsWith } from '../support/failures.ts';
import { SmallDisk, smallDiskMissing } from '../support/small-disk.ts';
import { memory, runtimeDirectory } from './fixture.ts';

const parts = ['key', 'checksum', 'pub'] as const;

function filesIn(test: TestContext): { directory: string; files: KeyFiles } {
  const directory = runtimeDirectory(test);
  return { directory, files: new KeyFiles(memory, directory, 'bus') };
}

/** The public key as text; the private one is released. */
function publicOf({ publicKey, privateKey }: KeyPair): string {
  privateKey.release();
  return publicKey.toString('hex');
}

describe('key files', () => {
  it('hold what was made, and are read again', (test) => {
    const { files } = filesIn(test);
    const made = files.replace();
    const read = files.load();
    assert.deepEqual(read?.publicKey, made.publicKey);
    assert.deepEqual(read?.privateKey.bytes, made.privateKey.bytes);
    made.privateKey.release();
    read?.privateKey.release();
  });

  it('are 32 bytes each, and only the public key is for everybody', (test) => {
    const { directory, files } = filesIn(test);
    publicOf(files.replace());
    const found = parts.map((part) => {
      const { size, mode } = statSync(join(directory, `bus.${part}`));
      return [part, size, (mode & 0o777).toString(8)];
    });
    assert.deepEqual(found, [
      ['key', 32, '600'],
      ['checksum', 32, '600'],
      ['pub', 32, '644'],
    ]);
  });

  it('have the checksum that b3sum computes', (test) => {
    const { directory, files } = filesIn(test);
    publicOf(files.replace());
    const { stdout, error } = spawnSync('b3sum', ['--keyed', '--raw', join(directory, 'bus.key')], {
      input: readFileSync(join(directory, 'bus.pub')),
    });
    assert.equal(error, undefined, 'b3sum is missing: apt-get install b3sum');
    assert.deepEqual(readFileSync(join(directory, 'bus.checksum')), stdout);
  });

  it('are absent at first', (test) => {
    assert.equal(filesIn(test).files.load(), undefined);
  });

  it('are made once', (test) => {
    const { files } = filesIn(test);
    assert.equal(publicOf(files.loadOrCreate()), publicOf(files.loadOrCreate()));
  });

  for (const part of parts) {
    it(`are refused by name when one bit of ${part} is flipped`, (test) => {
      const { directory, files } = filesIn(test);
      publicOf(files.replace());
      const path = join(directory, `bus.${part}`);
      const bytes = readFileSync(path);
      bytes.writeUInt8(bytes.readUInt8(7) ^ 4, 7);
      writeFileSync(path, bytes);
      assert.throws(() => files.load(), {
        code: 'key-file-damaged',
        parameters: { path: join(directory, 'bus.key'), reason: 'the bytes differ from those it was made of' },
      });
    });

    it(`are refused by name when ${part} is cut off`, (test) => {
      const { directory, files } = filesIn(test);
      publicOf(files.replace());
      truncateSync(join(directory, `bus.${part}`), 31);
      assert.throws(() => files.load(), {
        code: 'key-file-damaged',
        parameters: { path: join(directory, `bus.${part}`), reason: 'it has 31 bytes instead of 32' },
      });
    });

    it(`are refused by name when ${part} is missing`, (test) => {
      const { directory, files } = filesIn(test);
      publicOf(files.replace());
      rmSync(join(directory, `bus.${part}`));
      assert.throws(() => files.load(), {
        code: 'key-file-damaged',
        parameters: { path: join(directory, `bus.${part}`), reason: 'it is missing' },
      });
    });
  }

  it('leave no secret page in use when they are refused', (test) => {
    const { directory, files } = filesIn(test);
    publicOf(files.replace());
    const { pagesInUse } = memory.status();
    writeFileSync(join(directory, 'bus.checksum'), Buffer.alloc(32));
    assert.throws(() => files.load(), failsWith('key-file-damaged'));
    assert.equal(memory.status().pagesInUse, pagesInUse);
  });
});

describe('replacing key files', () => {
  /** Every state of the directory that a crash can leave, made of an old and a new set by the steps of the protocol. */
  function crashStates(test: TestContext): { state: string; directory: string; old: string; renewed: string }[] {
    const oldSet = filesIn(test);
    const newSet = filesIn(test);
    const old = publicOf(oldSet.files.replace());
    const renewed = publicOf(newSet.files.replace());
    const steps: [string, (directory: string) => void][] = [
      ...parts.map((part): [string, (directory: string) => void] => [
        `${part} is written`,
        (directory) => copyFileSync(join(newSet.directory, `bus.${part}`), join(directory, `bus.next.${part}`)),
      ]),
      ...parts.map((part): [string, (directory: string) => void] => [
        `${part} is moved`,
        (directory) => renameSync(join(directory, `bus.next.${part}`), join(directory, `bus.${part}`)),
      ]),
    ];
    return Array.from({ length: steps.length + 1 }, (_, count) => {
      const directory = runtimeDirectory(test);
      for (const part of parts) copyFileSync(join(oldSet.directory, `bus.${part}`), join(directory, `bus.${part}`));
      for (const [, step] of steps.slice(0, count)) step(directory);
      return { state: steps[count - 1]?.[0] ?? 'nothing is done', directory, old, renewed };
    });
  }

  it('leaves a whole set at whichever step it is interrupted: the old one until the new public key is written', (test) => {
    const outcomes = crashStates(test).map(({ state, directory, old, renewed }) => {
      const loaded = new KeyFiles(memory, directory, 'bus').load();
      assert.ok(loaded !== undefined);
      const key = publicOf(loaded);
      return [state, key === old ? 'old' : key === renewed ? 'new' : 'neither', readdirSync(directory).length];
    });
    assert.deepEqual(outcomes, [
      ['nothing is done', 'old', 3],
      ['key is written', 'old', 3],
      ['checksum is written', 'old', 3],
      ['pub is written', 'new', 3],
      ['key is moved', 'new', 3],
      ['checksum is moved', 'new', 3],
      ['pub is moved', 'new', 3],
    ]);
  });

  it('gives a new key and leaves nothing beside it', (test) => {
    const { directory, files } = filesIn(test);
    const before = publicOf(files.replace());
    const after = publicOf(files.replace());
    assert.notEqual(after, before);
    assert.deepEqual(readdirSync(directory).sort(), ['bus.checksum', 'bus.key', 'bus.pub']);
  });

  it('on a full disk fails and leaves the old set whole', { skip: smallDiskMissing }, (test) => {
    const disk = new SmallDisk(64);
    test.after(() => disk.remove());
    const files = new KeyFiles(memory, disk.path, 'bus');
    const before = publicOf(files.replace());
    fill(disk.path);
    assert.throws(() => files.replace(), failsWith('storage-full'));
    const loaded = files.load();
    assert.ok(loaded !== undefined);
    assert.equal(publicOf(loaded), before);
  });

  it('in a directory that is not there fails with its name', (test) => {
    const directory = join(runtimeDirectory(test), 'gone');
    assert.throws(() => new KeyFiles(memory, directory, 'bus').replace(), failsWith('storage-failed'));
    mkdirSync(directory);
    assert.ok(!existsSync(join(directory, 'bus.next.key')));
  });
});

function fill(directory: string): void {
  for (let index = 0; ; index += 1) {
    try {
      writeFileSync(join(directory, `filling-${index}`), Buffer.alloc(4096));
    } catch {
      return;
    }
  }
}
