// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artefact, contentKey, contentOf, type Say } from './artefact.ts';
import { debianFiles } from './debian.ts';
import type { InitSystem } from './init-system.ts';
import { runProgram } from './program.ts';
import { assembleRoot } from './root-tree.ts';

const repository = join(import.meta.dirname, '../..');

/** Programs for the tests that run on the device, bundled like the daemons. */
const guestPrograms = join(repository, 'qemu-tests/guest');

/** Everything the product's bundles are made of. */
const productSources = ['app/src', 'tools', 'qemu-tests/guest', 'package-lock.json'];

/** The read-only root file system of the device: a squashfs. Nothing is run under emulation to make it. */
export async function rootFileSystem(init: InitSystem, cache: string, say: Say): Promise<string> {
  const debian = await debianFiles(init, cache, say);
  const product = await productForDevice(cache, say);
  const common = join(import.meta.dirname, 'common');
  const builders = ['root-tree.ts', 'root-file-system.ts', `${init.name}.ts`].map((name) => join(import.meta.dirname, name));
  return await artefact({
    cache,
    name: `root-${init.name}.squashfs`,
    key: contentKey(debian, product, ...[common, ...init.sources, ...builders].map(contentOf)),
    announcement: 'putting the root file system together (about 15 s)',
    say,
    async make(path) {
      const tree = mkdtempSync(join(tmpdir(), 'open-sesame-root-'));
      try {
        await assembleRoot(tree, { debian, product, common, init });
        await squash(tree, path, say);
      } finally {
        rmSync(tree, { recursive: true, force: true });
      }
    },
  });
}

/** All files belong to root; times are fixed, so that the same tree gives the same image. */
export async function squash(tree: string, path: string, say: Say): Promise<void> {
  const reproducible = ['-all-root', '-all-time', '0', '-mkfs-time', '0', '-no-xattrs'];
  await runProgram(
    'mksquashfs',
    [tree, path, '-noappend', '-no-progress', '-comp', 'zstd', '-Xcompression-level', '9', ...reproducible],
    {
      say,
    },
  );
}

async function productForDevice(cache: string, say: Say): Promise<string> {
  return await artefact({
    cache,
    name: 'product-arm64',
    key: contentKey(...productSources.map((path) => contentOf(join(repository, path)))),
    announcement: 'bundling the daemons for the device',
    say,
    async make(path) {
      const target = ['--architecture', 'arm64', '--out', path, '--programs', guestPrograms];
      await runProgram(process.execPath, [join(repository, 'tools/build.mjs'), ...target], { say });
    },
  });
}
