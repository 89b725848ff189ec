// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
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

/** Everything that the release is made of. */
const productSources = ['app/src', 'app/init', 'app/etc', 'kernel-fragments', 'tools', 'qemu-tests/guest', 'package-lock.json'];

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

/** The release that image systems install from, unpacked to release/, and the programs of the tests in guest/. */
export async function productForDevice(cache: string, say: Say): Promise<string> {
  return await artefact({
    cache,
    name: 'product-arm64',
    key: contentKey(...productSources.map((path) => contentOf(join(repository, path)))),
    announcement: 'building the release for the device',
    say,
    async make(path) {
      const release = join(path, 'release');
      mkdirSync(release, { recursive: true });
      const target = ['--architecture', 'aarch64', '--libc', 'glibc', '--out', release];
      // The same sources are the same device, whatever the commit.
      const environment = { ...process.env, SOURCE_DATE_EPOCH: '0' };
      await runProgram(process.execPath, [join(repository, 'tools/dist.mjs'), ...target], { say, environment });
      const [archive = ''] = readdirSync(release).filter((name) => name.endsWith('-glibc.tar.gz'));
      await runProgram('tar', ['-xzf', join(release, archive), '-C', release, '--strip-components=1', '--no-same-owner']);
      rmSync(join(release, archive));
      const guest = ['--architecture', 'arm64', '--out', join(path, 'guest'), '--programs', guestPrograms];
      await runProgram(process.execPath, [join(repository, 'tools/build.mjs'), ...guest], { say });
    },
  });
}
