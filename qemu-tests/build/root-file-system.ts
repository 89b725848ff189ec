// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artefact, contentKey, contentOf, type Say } from './artefact.ts';
import { debianFiles } from './debian.ts';
import { runProgram } from './program.ts';
import { assembleRoot } from './root-tree.ts';

const repository = join(import.meta.dirname, '../..');

/** Programs for the tests that run on the device, bundled like the daemons. */
const guestPrograms = join(repository, 'qemu-tests/guest');

/** Everything the product's bundles are made of. */
const productSources = ['app/src', 'tools', 'qemu-tests/guest', 'package-lock.json'];

/** The read-only root file system of the device: a squashfs. Nothing is run under emulation to make it. */
export async function rootFileSystem(cache: string, say: Say): Promise<string> {
  const debian = await debianFiles(cache, say);
  const product = await productForDevice(cache, say);
  const services = join(repository, 'app/init/openrc');
  const overlay = join(import.meta.dirname, 'root');
  const builders = ['root-tree.ts', 'root-file-system.ts'].map((name) => contentOf(join(import.meta.dirname, name)));
  return await artefact({
    cache,
    name: 'root.squashfs',
    key: contentKey(debian, product, contentOf(services), contentOf(overlay), ...builders),
    announcement: 'putting the root file system together (about 15 s)',
    say,
    async make(path) {
      const tree = mkdtempSync(join(tmpdir(), 'open-sesame-root-'));
      try {
        await assembleRoot(tree, { debian, product, services, overlay });
        await squash(tree, path, say);
      } finally {
        rmSync(tree, { recursive: true, force: true });
      }
    },
  });
}

/** All files belong to root; times are fixed, so that the same tree gives the same image. */
async function squash(tree: string, path: string, say: Say): Promise<void> {
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
