// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mistakesAbout } from '../../kernel-fragments/kernel-source.ts';
import { artefact, contentKey, type Say } from './artefact.ts';
import { runProgram } from './program.ts';

const sourceVersion = '6.12';
const sourceArchive = `/usr/src/linux-source-${sourceVersion}.tar.xz`;
const fragmentDirectory = join(import.meta.dirname, '../../kernel-fragments');

/** The concerns of this device, in the order in which they are merged; raspberry-pi.cfg is another machine's. One kernel for every init. */
export const deviceFragments = [
  'userland',
  'systemd',
  'secret-memory',
  'sandbox',
  'tpm',
  'cgroup-limits',
  'hardening',
  'qemu-virt',
].map((name) => join(fragmentDirectory, `${name}.cfg`));

/** Fixed, because they end up in the kernel: another time or builder would be another measurement in the TPM. */
const reproducible = { KBUILD_BUILD_USER: 'open-sesame', KBUILD_BUILD_HOST: 'build', KBUILD_BUILD_TIMESTAMP: '2026-01-01' };

export interface Kernel {
  readonly image: string;
  readonly config: string;
  readonly version: string;
}

/**
 * The kernel of the device: everything off, then the fragments.
 * @throws Error when an option of theirs did not survive, or a fragment of any machine names one that this kernel does not know
 */
export async function buildKernel({ cache, say }: { readonly cache: string; readonly say: Say }): Promise<Kernel> {
  const compiler = spawnSync('aarch64-linux-gnu-gcc', ['--version'], { encoding: 'utf8' }).stdout.split('\n', 1)[0] ?? '';
  const key = contentKey(
    ...deviceFragments.map((file) => readFileSync(file, 'utf8')),
    packageVersion(`linux-source-${sourceVersion}`),
    compiler,
    JSON.stringify(reproducible),
  );
  const directory = await artefact({
    cache,
    name: 'kernel-arm64',
    key,
    announcement: `building the kernel (Linux ${sourceVersion}, 7 to 12 minutes on two cores)`,
    say,
    make: (path) => build(path, say),
  });
  const config = join(directory, 'config');
  const version = /^# Linux\/arm64 (\S+) Kernel Configuration$/m.exec(readFileSync(config, 'utf8'))?.[1] ?? sourceVersion;
  return { image: join(directory, 'Image'), config, version };
}

async function build(path: string, say: Say): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'open-sesame-kernel-'));
  try {
    await runProgram('tar', ['-xf', sourceArchive, '-C', work], { say });
    const source = join(work, `linux-source-${sourceVersion}`);
    const environment = { ...process.env, ...reproducible, ARCH: 'arm64', CROSS_COMPILE: 'aarch64-linux-gnu-' };
    checkNames(source);
    const options = { directory: source, environment, say };
    await runProgram('scripts/kconfig/merge_config.sh', ['-n', '-O', '.', ...deviceFragments], options);
    await checkConfiguration(join(source, '.config'));
    await runProgram('make', ['-j2', 'Image'], options);
    mkdirSync(path, { recursive: true });
    copyFileSync(join(source, 'arch/arm64/boot/Image'), join(path, 'Image'));
    copyFileSync(join(source, '.config'), join(path, 'config'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @throws Error that names each option that did not survive and why it matters */
async function checkConfiguration(config: string): Promise<void> {
  await runProgram('sh', [join(fragmentDirectory, 'survived.sh'), config, ...deviceFragments]);
}

function checkNames(source: string): void {
  const mistakes = mistakesAbout(source, globSync(join(fragmentDirectory, '*.cfg')));
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
}

function packageVersion(name: string): string {
  return spawnSync('dpkg-query', ['-W', '--showformat=$' + '{Version}', name], { encoding: 'utf8' }).stdout;
}
