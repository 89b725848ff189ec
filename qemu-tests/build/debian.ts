// SPDX-License-Identifier: MIT
import { artefact, contentKey, type Say } from './artefact.ts';
import { runProgram } from './program.ts';

const suite = 'bookworm';

/** What is on the device beside our own programs: init and services, a shell, what Node is linked with, a file system
 * checker for whoever repairs one by hand. */
const devicePackages = ['openrc', 'busybox-static', 'libstdc++6', 'libpam-modules', 'e2fsprogs'];

/** The packages' files as a tar archive: unpacked on this machine, nothing of theirs is run. */
export async function debianFiles(cache: string, say: Say): Promise<string> {
  return await artefact({
    cache,
    name: 'debian.tar',
    key: contentKey(suite, ...devicePackages),
    announcement: 'unpacking the Debian packages of the device (about 10 s)',
    say,
    async make(path) {
      const options = ['--variant=extract', '--architectures=arm64', '--format=tar', `--include=${devicePackages.join(',')}`];
      await runProgram('mmdebstrap', [...options, suite, path], { say });
    },
  });
}
