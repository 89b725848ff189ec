// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { GroupCommit } from '../../src/audit/group-commit.ts';
import { RecordingLogger } from '../../src/core/log.ts';

/** A disk that takes a moment for a group, and refuses while `broken`. */
class Disk {
  readonly groups: string[][] = [];
  readonly logger = new RecordingLogger();
  broken = false;

  get written(): string[] {
    return this.groups.flat();
  }

  readonly commit = async (group: readonly string[]): Promise<number> => {
    await wait(5);
    if (this.broken) throw new RangeError('refused');
    this.groups.push([...group]);
    return this.written.length;
  };

  open(): GroupCommit<string> {
    const { commit, logger } = this;
    return new GroupCommit({ commit, logger, sequence: 0, noteDropped: (count) => `dropped ${count}` });
  }
}

describe('group commit', () => {
  it('writes what comes while a group is under way as one group', async () => {
    const disk = new Disk();
    const groups = disk.open();
    const first = groups.durable('a');
    await wait(2);
    const others = ['b', 'c', 'd'].map((entry) => groups.durable(entry));
    assert.deepEqual(await Promise.all([first, ...others]), [1, 2, 3, 4]);
    assert.deepEqual(disk.groups, [['a'], ['b', 'c', 'd']]);
  });

  it('lets what nobody waits for wait for the next group', async () => {
    const disk = new Disk();
    const groups = disk.open();
    assert.equal(groups.eventual('a'), 1);
    assert.equal(groups.eventual('b'), 2);
    await wait(20);
    assert.deepEqual(disk.groups, []);
    assert.equal(await groups.durable('c'), 3);
    assert.deepEqual(disk.groups, [['a', 'b', 'c']]);
  });

  it('never leaves an entry behind, whatever comes when', async () => {
    const disk = new Disk();
    const groups = disk.open();
    const callers = Array.from({ length: 20 }, async (_, caller) => {
      for (let round = 0; round < 10; round += 1) await groups.durable(`${caller}.${round}`);
    });
    await Promise.all(callers);
    assert.equal(disk.written.length, 200);
  });

  it('tells whoever waits that the disk refused, and writes nothing of it later', async () => {
    const disk = new Disk();
    const groups = disk.open();
    disk.broken = true;
    const results = await Promise.allSettled([groups.durable('a'), groups.durable('b')]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    disk.broken = false;
    assert.equal(await groups.durable('c'), 1);
    assert.deepEqual(disk.written, ['c']);
  });

  it('keeps what nobody waits for until the disk accepts it, and complains once', async () => {
    const disk = new Disk();
    const groups = disk.open();
    disk.broken = true;
    groups.eventual('a');
    await groups.flush();
    await groups.flush();
    assert.equal(disk.logger.lines.length, 1);
    assert.ok(groups.failure instanceof RangeError);
    disk.broken = false;
    await groups.flush();
    assert.deepEqual(disk.written, ['a']);
    assert.equal(groups.failure, undefined);
  });

  it('bounds what it keeps and says how many it gave up', async () => {
    const disk = new Disk();
    const groups = disk.open();
    disk.broken = true;
    for (let index = 0; index < 3000; index += 1) groups.eventual(`${index}`);
    await groups.flush();
    assert.ok(groups.pending <= 1024, `${groups.pending} entries`);
    disk.broken = false;
    await groups.flush();
    assert.equal(disk.written[0], 'dropped 1976');
    assert.equal(disk.written.length, 1025);
  });

  it('tries again by itself within a second', async () => {
    const disk = new Disk();
    const groups = disk.open();
    disk.broken = true;
    groups.eventual('a');
    await groups.flush();
    disk.broken = false;
    await wait(1200);
    assert.deepEqual(disk.written, ['a']);
  });

  it('says on close what was never written', async () => {
    const disk = new Disk();
    const groups = disk.open();
    disk.broken = true;
    groups.eventual('a');
    await groups.flush();
    assert.equal(groups.close(), 1);
  });
});
