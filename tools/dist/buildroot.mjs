// SPDX-License-Identifier: MIT
import { appendFileSync, cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the archives' hashes are in the external tree; in a checkout it has those of the licences only. */
const hashPath = 'package/open-sesame/open-sesame.hash';

/**
 * What Buildroot wants to know of the archives (manual, "The .hash file").
 * @param archives { name, digest } of each, the digest SHA-256 in hexadecimal
 */
export function hashLines(archives) {
  return archives.map(({ name, digest }) => `sha256  ${digest}  ${name}\n`).join('');
}

/**
 * Lays out the external tree so that it needs nothing of this checkout: kernel fragments in place of the link to them, and the hashes of
 * the archives.
 */
export function layOutExternalTree({ root, directory, archives }) {
  cpSync(join(root, 'buildroot-ext'), directory, {
    recursive: true,
    dereference: true,
    filter: (path) => !path.endsWith('/test') && !path.endsWith('.ts'),
  });
  appendFileSync(join(directory, hashPath), `# Written by npm run dist\n${hashLines(archives)}`);
}

/** Writes the hashes beside the archives, where the external tree of a checkout looks for them. */
export function writeHashFile(out, archives) {
  writeFileSync(join(out, 'open-sesame.hash'), hashLines(archives));
}
