// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type CardContent, card, cardContent, cardFiles, composeCard } from '../build/card.ts';
import { runProgram } from '../build/program.ts';

const sector = 512;
const alignment = 4 * 1024 * 1024;
const say = (text: string) => process.stderr.write(`${text}\n`);

describe('the card', () => {
  const directory = mkdtempSync(join(tmpdir(), 'open-sesame-card-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  let content: CardContent;
  let image = '';
  let partitions: readonly { start: number; size: number; type: string; bootable?: boolean }[] = [];

  before(async () => {
    content = await cardContent(say);
    image = join(await card(content, say), 'sdcard.img');
    partitions = JSON.parse(await runProgram('/sbin/sfdisk', ['--json', image])).partitiontable.partitions;
  });

  /** A partition as a file of its own. */
  async function partition(number: number): Promise<string> {
    const { start = 0, size = 0 } = partitions[number - 1] ?? {};
    const path = join(directory, `partition-${number}`);
    const place = [`skip=${start * sector}`, `count=${size * sector}`, 'iflag=skip_bytes,count_bytes'];
    await runProgram('dd', ['bs=4M', 'conv=sparse', `if=${image}`, `of=${path}`, ...place]);
    return path;
  }

  it('has a boot partition, two slots and the data at its end', () => {
    assert.deepEqual(
      partitions.map(({ type, bootable = false }) => ({ type, bootable })),
      [
        { type: 'c', bootable: true },
        { type: '83', bootable: false },
        { type: '83', bootable: false },
        { type: '83', bootable: false },
      ],
    );
    assert.equal(partitions[1]?.size, partitions[2]?.size);
    const end = (partitions[3]?.start ?? 0) + (partitions[3]?.size ?? 0);
    assert.equal(end * sector, statSync(image).size);
  });

  it('is aligned to the erase blocks of cards', () => {
    for (const { start } of partitions) assert.equal((start * sector) % alignment, 0, `a partition starts at sector ${start}`);
  });

  it('has a sound boot partition with every file that config.txt names', async () => {
    const boot = await partition(1);
    await runProgram('/sbin/fsck.vfat', ['-n', boot]);
    const settings = await runProgram('mtype', ['-i', boot, '::config.txt']);
    const named = [...settings.matchAll(/^(?:kernel|start_file|fixup_file)=(\S+)$/gm)].map(([, name]) => name ?? '');
    assert.equal(named.length, 3);
    for (const name of named) await runProgram('mdir', ['-b', '-i', boot, `::${name}`]);
  });

  it('has the root file system in slot A and nothing in slot B', async () => {
    const slot = readFileSync(await partition(2));
    const root = readFileSync(content.root);
    assert.ok(slot.subarray(0, root.length).equals(root), 'slot A begins with the root file system');
    assert.ok(
      readFileSync(await partition(3)).every((byte) => byte === 0),
      'slot B is empty',
    );
  });

  it('has a sound and empty data partition that can grow to 1 TiB', async () => {
    const data = await partition(4);
    await runProgram('/sbin/e2fsck', ['-f', '-n', data]);
    const names = await runProgram('/sbin/debugfs', ['-R', 'ls -p /', data]);
    assert.deepEqual([...names.matchAll(/\/([^/\n]+)\/\d*\/$/gm)].map(([, name]) => name).sort(), ['.', '..', 'lost+found']);
    // Growing it needs room for group descriptors; the file itself stays sparse.
    truncateSync(data, 1024 ** 4);
    await runProgram('/sbin/resize2fs', ['-f', data]);
  });

  it('is whole when bmaptool has written it', async () => {
    const written = join(directory, 'written.img');
    await runProgram('bmaptool', ['copy', '--bmap', `${image}.bmap`, `${image}.xz`, written]);
    await runProgram('cmp', [image, written]);
  });

  it('has checksums', async () => {
    await runProgram('sha256sum', ['--check', 'sdcard.sha256'], { directory: join(image, '..') });
  });

  it('is the same when it is made again', async () => {
    const again = join(directory, 'again');
    await composeCard(again, content);
    for (const name of cardFiles) await runProgram('cmp', [join(image, '..', name), join(again, name)]);
  });
});
