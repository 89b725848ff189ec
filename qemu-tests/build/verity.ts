// SPDX-License-Identifier: MIT
import { copyFileSync, mkdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { artefact, contentKey, contentOf, type Say } from './artefact.ts';
import { runProgram } from './program.ts';

const blockBytes = 4096;
const sectorBytes = 512;

/** Fixed, so that the same root file system gives the same root hash. A salt is no secret. */
const salt = '00'.repeat(32);

export interface VerityRoot {
  /** The root file system with its hash tree behind it. */
  readonly image: string;
  /** Words of the kernel command line that mount it. */
  readonly kernelArguments: string;
}

export interface VerityOptions {
  /** As which the kernel will see the image. */
  readonly device: string;
  /** What keeps several images apart in the cache. */
  readonly variant: string;
  readonly cache: string;
  readonly say: Say;
}

/**
 * Puts a root file system under dm-verity. Firmware measures the command line and not the disk: with the root hash on the command line
 * a changed root file system is either a changed measurement or an I/O error.
 */
export async function verityRoot(root: string, { device, variant, cache, say }: VerityOptions): Promise<VerityRoot> {
  const blocks = Math.ceil(statSync(root).size / blockBytes);
  const directory = await artefact({
    cache,
    name: `root-${variant}.verity`,
    key: contentKey(contentOf(root), salt),
    announcement: 'hashing the root file system for dm-verity (about a second)',
    say,
    make: (path) => format(root, blocks, path),
  });
  const hash = readFileSync(join(directory, 'root-hash'), 'utf8').trim();
  const table = `${device} ${device} ${blockBytes} ${blockBytes} ${blocks} ${blocks} sha256 ${hash} ${salt}`;
  const mapping = `root,,,ro,0 ${(blocks * blockBytes) / sectorBytes} verity 1 ${table}`;
  return {
    image: join(directory, 'image'),
    kernelArguments: `dm-mod.create="${mapping}" dm-mod.waitfor=${device} root=/dev/dm-0`,
  };
}

async function format(root: string, blocks: number, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const image = join(directory, 'image');
  copyFileSync(root, image);
  truncateSync(image, blocks * blockBytes);
  const place = ['--no-superblock', `--hash-offset=${blocks * blockBytes}`, `--root-hash-file=${join(directory, 'root-hash')}`];
  const sizes = [`--data-block-size=${blockBytes}`, `--hash-block-size=${blockBytes}`, `--data-blocks=${blocks}`];
  await runProgram('/sbin/veritysetup', ['format', ...place, ...sizes, '--hash=sha256', `--salt=${salt}`, image, image]);
}
