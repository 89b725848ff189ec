// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import {
  discardTemporaries,
  ensureDirectory,
  fileSize,
  readBounded,
  removeWiped,
  storageError,
  writeDurably,
} from '../../src/linux/files.ts';
import { runModule } from '../support/child.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { failsWith } from '../support/failures.ts';
import { SmallDisk, smallDiskMissing } from '../support/small-disk.ts';

const files = import.meta.resolve('../../src/linux/files.ts');

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}

describe('writing durably', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'file');

  it('brings back any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
        writeDurably(path, bytes, 0o600);
        assert.deepEqual(readBounded(path, 5000), Buffer.from(bytes));
      }),
      { numRuns: 40 },
    );
  });

  it('leaves no other file behind', () => {
    writeDurably(path, Buffer.from('x'), 0o600);
    assert.deepEqual(readdirSync(directory), ['file']);
  });

  it('gives the mode that was asked for, whatever the umask', () => {
    const before = process.umask(0o077);
    try {
      writeDurably(path, Buffer.from('x'), 0o644);
      assert.equal(modeOf(path), 0o644);
    } finally {
      process.umask(before);
    }
  });

  it('narrows the mode of a file that it replaces', () => {
    writeFileSync(path, 'old', { mode: 0o666 });
    writeDurably(path, Buffer.from('x'), 0o600);
    assert.equal(modeOf(path), 0o600);
  });

  it('replaces a symbolic link instead of writing through it', () => {
    const target = join(directory, 'target');
    const link = join(directory, 'link');
    writeFileSync(target, 'untouched');
    symlinkSync(target, link);
    writeDurably(link, Buffer.from('x'), 0o600);
    assert.equal(readFileSync(target, 'utf8'), 'untouched');
    rmSync(target);
    rmSync(link);
  });

  it('names the file whose directory is missing', () => {
    assert.throws(() => writeDurably(join(directory, 'none/file'), Buffer.from('x'), 0o600), failsWith('storage-failed'));
  });

  it('removes its temporary when the rename fails', () => {
    const occupied = join(directory, 'occupied');
    mkdirSync(join(occupied, 'below'), { recursive: true });
    assert.throws(() => writeDurably(occupied, Buffer.from('x'), 0o600), failsWith('storage-failed'));
    assert.equal(discardTemporaries(directory), 0);
    rmSync(occupied, { recursive: true });
  });

  it('leaves one whole version behind, whenever the writer is killed', async () => {
    const length = 200_000;
    const source = `
      import { writeDurably } from '${files}';
      console.log('started');
      for (let round = 0; ; round += 1) writeDurably('${path}', Buffer.alloc(${length}, round % 256), 0o600);`;
    writeDurably(path, Buffer.alloc(length), 0o600);
    for (let round = 0; round < 8; round += 1) {
      const writer = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', source]);
      const ended = once(writer, 'exit');
      await once(writer.stdout, 'data');
      await wait(round * 3);
      writer.kill('SIGKILL');
      await ended;
      const bytes = readFileSync(path);
      assert.ok(bytes.equals(Buffer.alloc(length, bytes[0])), `torn in round ${round}`);
    }
  });

  it('has its cut-off temporaries found and removed', () => {
    writeFileSync(join(directory, '.file.0123456789ab.tmp'), 'half');
    writeFileSync(join(directory, 'notes.tmp'), 'kept');
    discardTemporaries(directory);
    assert.deepEqual(readdirSync(directory).sort(), ['file', 'notes.tmp']);
  });
});

describe('a full disk', { skip: smallDiskMissing }, () => {
  let disk: SmallDisk;
  let path: string;
  beforeEach(() => {
    disk = new SmallDisk(64);
    path = join(disk.path, 'file');
    writeDurably(path, Buffer.from('old'), 0o600);
  });
  afterEach(() => disk.remove());

  it('is named', () => {
    assert.throws(() => writeDurably(path, Buffer.alloc(200_000), 0o600), failsWith('storage-full'));
  });

  it('leaves the old file as it was', () => {
    assert.throws(() => writeDurably(path, Buffer.alloc(200_000), 0o600));
    assert.equal(readFileSync(path, 'utf8'), 'old');
  });

  it('is given back what the attempt took', () => {
    assert.throws(() => writeDurably(path, Buffer.alloc(200_000), 0o600));
    assert.deepEqual(readdirSync(disk.path), ['file']);
    writeDurably(path, Buffer.alloc(30_000), 0o600);
  });

  it('is found before the old file is touched even when only the last byte has no room', () => {
    writeDurably(path, Buffer.alloc(28_000, 1), 0o600);
    // The old version is still there while the new one is written.
    assert.throws(() => writeDurably(path, Buffer.alloc(40_000, 2), 0o600), failsWith('storage-full'));
    assert.ok(readFileSync(path).equals(Buffer.alloc(28_000, 1)));
  });

  it('does not stop the removal of a file', () => {
    writeFileSync(join(disk.path, 'large'), Buffer.alloc(56_000));
    removeWiped(path);
    assert.ok(!existsSync(path));
  });
});

describe('a read-only file system', { skip: smallDiskMissing }, () => {
  let disk: SmallDisk;
  let path: string;
  beforeEach(() => {
    disk = new SmallDisk(64);
    path = join(disk.path, 'file');
    writeDurably(path, Buffer.from('old'), 0o600);
    disk.makeReadOnly();
  });
  afterEach(() => disk.remove());

  it('is named by a write', () => {
    assert.throws(() => writeDurably(path, Buffer.from('new'), 0o600), failsWith('storage-read-only'));
  });

  it('is named by a removal', () => {
    assert.throws(() => removeWiped(path), failsWith('storage-read-only'));
  });

  it('is named by a new directory', () => {
    assert.throws(() => ensureDirectory(join(disk.path, 'new'), 0o700), failsWith('storage-read-only'));
  });

  it('does not mind a directory that is there already', () => {
    ensureDirectory(disk.path, 0o700);
  });
});

describe('reading with a bound', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'file');

  it('takes a file that is exactly as long as the limit', () => {
    writeFileSync(path, Buffer.alloc(100));
    assert.equal(readBounded(path, 100)?.length, 100);
  });

  it('refuses a file that is one byte longer', () => {
    writeFileSync(path, Buffer.alloc(101));
    assert.throws(() => readBounded(path, 100), failsWith('file-damaged'));
  });

  it('refuses an endless file', () => {
    assert.throws(() => readBounded('/dev/zero', 100), failsWith('file-damaged'));
  });

  it('gives undefined for a file that is not there', () => {
    assert.equal(readBounded(join(directory, 'none'), 100), undefined);
  });

  it('refuses a directory', () => {
    assert.throws(() => readBounded(directory, 100), failsWith('file-damaged'));
  });

  it('does not wait for the writer of a FIFO', () => {
    const fifo = join(directory, 'fifo');
    assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
    const ended = runModule(
      `import { readBounded } from '${files}';
       try { readBounded('${fifo}', 100); } catch (thrown) { console.log(thrown.code); }`,
      { timeoutMs: 10_000 },
    );
    assert.equal(ended.stdout, 'file-damaged\n');
  });

  it('names a file that lies below a file', () => {
    assert.throws(() => readBounded(join(path, 'below'), 100), failsWith('file-unreadable'));
  });

  it('reads files of /proc, whose size is said to be 0', () => {
    assert.match(readBounded('/proc/self/status', 65_536)?.toString() ?? '', /^Name:/);
  });

  it('shares its memory with no other Buffer', () => {
    writeFileSync(path, 'key');
    const bytes = readBounded(path, 100);
    assert.equal(bytes?.buffer.byteLength, 101);
  });
});

describe('removing with a wipe', () => {
  const directory = temporaryDirectory();

  it('overwrites the bytes before the name goes', () => {
    const path = join(directory, 'file');
    const other = join(directory, 'other-name');
    writeFileSync(path, 'a wrapped key');
    assert.equal(spawnSync('ln', [path, other]).status, 0);
    removeWiped(path);
    assert.ok(!existsSync(path));
    assert.deepEqual(readFileSync(other), Buffer.alloc(13));
  });

  it('takes a missing file for removed', () => {
    removeWiped(join(directory, 'none'));
  });

  it('does not follow a symbolic link', () => {
    const target = join(directory, 'target');
    const link = join(directory, 'link');
    writeFileSync(target, 'untouched');
    symlinkSync(target, link);
    assert.throws(() => removeWiped(link), failsWith('storage-failed'));
    assert.equal(readFileSync(target, 'utf8'), 'untouched');
  });
});

describe('ensuring a directory', () => {
  const root = temporaryDirectory();

  it('makes those above it too', () => {
    ensureDirectory(join(root, 'a/b/c'), 0o700);
    assert.ok(statSync(join(root, 'a/b/c')).isDirectory());
  });

  it('gives the mode that was asked for, whatever the umask', () => {
    const before = process.umask(0o077);
    try {
      ensureDirectory(join(root, 'wide'), 0o755);
      assert.equal(modeOf(join(root, 'wide')), 0o755);
    } finally {
      process.umask(before);
    }
  });

  it('leaves the mode of one that exists', () => {
    mkdirSync(join(root, 'old'), { mode: 0o750 });
    ensureDirectory(join(root, 'old'), 0o700);
    assert.equal(modeOf(join(root, 'old')), 0o750);
  });

  it('refuses a file in its place', () => {
    writeFileSync(join(root, 'file'), '');
    assert.throws(() => ensureDirectory(join(root, 'file'), 0o700), failsWith('storage-failed'));
  });
});

describe('the size of a file', () => {
  const directory = temporaryDirectory();

  it('is in bytes', () => {
    writeFileSync(join(directory, 'file'), Buffer.alloc(123));
    assert.equal(fileSize(join(directory, 'file')), 123);
  });

  it('is undefined where there is none', () => {
    assert.equal(fileSize(join(directory, 'none')), undefined);
  });
});

describe('what a failed write means', () => {
  const failure = (code: string) => storageError('/x', Object.assign(new Error(code), { code })).code;

  it('is a full disk for a used-up quota too', () => {
    assert.equal(failure('EDQUOT'), 'storage-full');
  });

  it('is a failure with its cause for anything else', () => {
    assert.match(storageError('/x', Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })).message, /EIO: i\/o error/);
  });

  it('keeps an error that is named already', () => {
    const named = storageError('/x', Object.assign(new Error('EROFS'), { code: 'EROFS' }));
    assert.equal(storageError('/y', named), named);
  });
});
