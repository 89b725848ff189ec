// SPDX-License-Identifier: MIT
import { cpSync, existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { artefact, contentKey, contentOf, type Say } from './artefact.ts';
import type { DeviceImage } from './device.ts';
import { runProgram } from './program.ts';
import { productForDevice } from './root-file-system.ts';
import { linkIn } from './root-tree.ts';

/** What the tests need on a device and no product has: whoever holds its port is root. */
const agent = { program: 'usr/libexec/device-agent', service: 'etc/init.d/device-agent' };

/**
 * A device from the output directory of Buildroot with open_sesame_qemu_aarch64_defconfig. Its image is unpacked, given the tests' agent
 * and programs, and packed again; what is tested is otherwise what is shipped.
 * @throws Error when something of the output is missing
 */
export async function buildrootDevice(output: string, cache: string, say: Say): Promise<DeviceImage> {
  const image = required(join(output, 'images/rootfs.squashfs'));
  const configuration = only(join(output, 'build/linux-{[0-9]*,custom}/.config'));
  const product = await productForDevice(cache, say);
  const root = await artefact({
    cache,
    name: 'root-buildroot.squashfs',
    key: contentKey(contentOf(image), product, contentOf(import.meta.filename)),
    announcement: 'putting the agent of the tests into the image of Buildroot (about 15 s)',
    say,
    make: (path) => addAgent(image, product, path),
  });
  const version = /^# Linux\/arm64 (\S+) Kernel Configuration$/m.exec(readFileSync(configuration, 'utf8'))?.[1] ?? 'unknown';
  return {
    kernel: required(join(output, 'images/Image')),
    kernelConfiguration: configuration,
    kernelVersion: version,
    root,
  };
}

async function addAgent(image: string, product: string, path: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'open-sesame-buildroot-'));
  try {
    const tree = join(work, 'root');
    await runProgram('unsquashfs', ['-quiet', '-no-progress', '-dest', tree, image]);
    cpSync(join(import.meta.dirname, 'common', agent.program), join(tree, agent.program));
    cpSync(join(import.meta.dirname, 'openrc', agent.service), join(tree, agent.service));
    linkIn(tree, `/${agent.service}`, 'etc/runlevels/default/device-agent');
    makePlainRunlevel(tree);
    for (const name of globSync(join(import.meta.dirname, '../guest/*.ts')).map((file) => basename(file, '.ts'))) {
      cpSync(join(product, 'guest/bin', name), join(tree, 'usr/lib/open-sesame/bin', name));
      cpSync(join(product, `guest/lib/${name}.cjs`), join(tree, `usr/lib/open-sesame/lib/${name}.cjs`));
    }
    await runProgram('mksquashfs', [
      tree,
      path,
      '-noappend',
      '-quiet',
      '-no-progress',
      '-comp',
      'zstd',
      '-Xcompression-level',
      '9',
    ]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The default runlevel without Open Sesame, which boots are compared with. */
function makePlainRunlevel(tree: string): void {
  const runlevels = join(tree, 'etc/runlevels');
  cpSync(join(runlevels, 'default'), join(runlevels, 'plain'), { recursive: true, verbatimSymlinks: true });
  for (const service of readdirSync(join(runlevels, 'plain')))
    if (service.startsWith('open-sesame-')) rmSync(join(runlevels, 'plain', service));
}

function required(path: string): string {
  if (!existsSync(path)) throw new Error(`there is no ${path}: give the output directory of a finished build`);
  return path;
}

function only(pattern: string): string {
  const [found, ...more] = globSync(pattern);
  if (found === undefined || more.length > 0)
    throw new Error(`${pattern}: one kernel was expected, as a finished build leaves it`);
  return found;
}
