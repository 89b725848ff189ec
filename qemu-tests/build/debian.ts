// SPDX-License-Identifier: MIT
import { artefact, contentKey, type Say } from './artefact.ts';
import type { InitSystem } from './init-system.ts';
import { runProgram } from './program.ts';

const suite = 'bookworm';

/** What daemon-secrets loads when it first uses the TPM. */
const tpmLibraries = ['libtss2-esys-3.0.2-0', 'libtss2-rc0', 'libtss2-tcti-device0', 'libtss2-tctildr0'];

/** On every device: a shell, what Node is linked with, a file system checker for whoever repairs one by hand. */
const commonPackages = ['busybox-static', 'libstdc++6', 'e2fsprogs', ...tpmLibraries];

/** The packages' files as a tar archive: unpacked on this machine, nothing of theirs is run. */
export async function debianFiles(init: InitSystem, cache: string, say: Say): Promise<string> {
  const packages = [...commonPackages, ...init.packages];
  return await artefact({
    cache,
    name: `debian-${init.name}.tar`,
    key: contentKey(suite, ...packages),
    announcement: 'unpacking the Debian packages of the device (about 10 s)',
    say,
    async make(path) {
      const options = ['--variant=extract', '--architectures=arm64', '--format=tar', `--include=${packages.join(',')}`];
      await runProgram('mmdebstrap', [...options, suite, path], { say });
    },
  });
}
