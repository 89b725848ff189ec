// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, closeSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { KeyRegistry } from '../../src/bus/registry.ts';
import { RecordingLogger } from '../../src/core/log.ts';
import { runtimeDirectory } from './fixture.ts';

const uid = process.getuid?.() ?? 0;
const key = (byte: number): Buffer => Buffer.alloc(32, byte);

/** Of this process, by prlimit(1): Node has nothing to set it. */
function setOpenFilesLimit(soft: number): void {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(process.pid), `--nofile=${soft}:`], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

function setUp(test: TestContext) {
  const directory = runtimeDirectory(test);
  const logger = new RecordingLogger();
  const replaced: [number, number][] = [];
  const registry = new KeyRegistry(directory, logger, (previous, current) =>
    replaced.push([previous.generation, current.generation]),
  );
  const write = (name: string, bytes: Buffer) => writeFileSync(join(directory, name), bytes);
  return { directory, logger, registry, replaced, write };
}

describe('the registry of keys', () => {
  it('finds a key whose file appeared after it was made', (test) => {
    const { registry, write } = setUp(test);
    assert.equal(registry.find(key(1), uid), undefined);
    write('daemon-secrets.pub', key(1));
    assert.deepEqual(registry.find(key(1), uid), { name: 'daemon-secrets', publicKey: key(1), uid, generation: 1 });
  });

  it('does not know a key in the hands of another user', (test) => {
    const { registry, write } = setUp(test);
    write('daemon-secrets.pub', key(1));
    assert.equal(registry.find(key(1), uid + 1), undefined);
  });

  it('takes the owner of the file for the owner of the key', { skip: uid !== 0 && 'giving files away needs root' }, (test) => {
    const { directory, registry, write } = setUp(test);
    write('daemon-secrets.pub', key(1));
    chownSync(join(directory, 'daemon-secrets.pub'), 65_534, 65_534);
    assert.equal(registry.find(key(1), uid), undefined);
    assert.equal(registry.find(key(1), 65_534)?.name, 'daemon-secrets');
    assert.ok(registry.knowsUid(65_534));
  });

  it('accepts a replaced key beside the new one until it is revoked', (test) => {
    const { registry, replaced, write } = setUp(test);
    write('daemon-secrets.pub', key(1));
    const old = registry.find(key(1), uid);
    write('daemon-secrets.pub', key(2));
    assert.equal(registry.find(key(2), uid)?.generation, 2);
    assert.deepEqual(replaced, [[1, 2]]);
    assert.equal(registry.find(key(1), uid), old);
    assert.ok(old !== undefined);
    registry.revoke(old);
    assert.equal(registry.find(key(1), uid), undefined);
    assert.equal(registry.find(key(2), uid)?.generation, 2);
  });

  it('forgets a key whose file is gone', (test) => {
    const { directory, registry, write } = setUp(test);
    write('daemon-secrets.pub', key(1));
    registry.find(key(1), uid);
    rmSync(join(directory, 'daemon-secrets.pub'));
    assert.equal(registry.current('daemon-secrets'), undefined);
    assert.equal(registry.find(key(1), uid), undefined);
  });

  it('keeps the grace of a replaced key while the file of its successor is missing', (test) => {
    const { directory, registry, replaced, write } = setUp(test);
    write('daemon-secrets.pub', key(1));
    registry.find(key(1), uid);
    write('daemon-secrets.pub', key(2));
    const current = registry.find(key(2), uid);
    rmSync(join(directory, 'daemon-secrets.pub'));
    assert.equal(registry.current('daemon-secrets'), undefined);
    assert.equal(registry.find(key(2), uid), undefined);
    assert.equal(registry.find(key(1), uid)?.generation, 1);
    write('daemon-secrets.pub', key(2));
    assert.equal(registry.find(key(2), uid), current);
    assert.equal(registry.find(key(1), uid)?.generation, 1);
    assert.deepEqual(replaced, [[1, 2]]);
  });

  it('never uses a generation twice, or revoking an old key would hit a newer one', (test) => {
    const { directory, registry, write } = setUp(test);
    write('daemon-secrets.pub', key(1));
    registry.find(key(1), uid);
    rmSync(join(directory, 'daemon-secrets.pub'));
    assert.equal(registry.current('daemon-secrets'), undefined);
    write('daemon-secrets.pub', key(2));
    assert.equal(registry.find(key(2), uid)?.generation, 2);
    assert.equal(registry.find(key(1), uid), undefined);
  });

  it('keeps its keys while there is no descriptor to read the directory with', (test) => {
    const { registry, write } = setUp(test);
    write('daemon-secrets.pub', key(1));
    const known = registry.find(key(1), uid);
    const taken: number[] = [];
    setOpenFilesLimit(64);
    try {
      assert.throws(() => {
        for (;;) taken.push(openSync('/dev/null', 'r'));
      }, /EMFILE/);
      assert.equal(registry.find(key(9), uid), undefined);
      assert.equal(registry.find(key(1), uid), known);
    } finally {
      for (const descriptor of taken) closeSync(descriptor);
      setOpenFilesLimit(1024);
    }
  });

  it('ignores what is no registered key: other files, sets in the making, names that are none', (test) => {
    const { registry, write } = setUp(test);
    for (const name of ['daemon-secrets.key', 'daemon-secrets.next.pub', '.hidden.pub', 'Upper.pub', '../x.pub.txt'.slice(3)])
      write(name, key(1));
    assert.equal(registry.find(key(1), uid), undefined);
    assert.deepEqual(registry.names, []);
  });

  it('follows no link, whose target another user may own', (test) => {
    const { directory, registry, write } = setUp(test);
    write('elsewhere', key(1));
    symlinkSync('elsewhere', join(directory, 'daemon-secrets.pub'));
    assert.equal(registry.find(key(1), uid), undefined);
  });

  for (const length of [0, 31, 33]) {
    it(`ignores a key of ${length} bytes and says so`, (test) => {
      const { logger, registry, write } = setUp(test);
      write('daemon-secrets.pub', Buffer.alloc(length, 1));
      assert.equal(registry.find(key(1), uid), undefined);
      assert.ok(logger.lines.some(({ level, fields }) => level === 'error' && fields['length'] === length));
    });
  }
});
