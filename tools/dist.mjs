// SPDX-License-Identifier: MIT
// `npm run dist`: the release, one archive for each architecture and libc, which both image systems and `npm start` install from. The same
// commit gives the same bytes: times are that of the commit, or SOURCE_DATE_EPOCH (reproducible-builds.org).
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checksumLines, filesBelow, pack, plainModes, sha256 } from './dist/archive.mjs';
import { layOutExternalTree, writeHashFile } from './dist/buildroot.mjs';
import { componentsOf } from './dist/components.mjs';
import { writeLicences } from './dist/licences.mjs';
import { layOutParts } from './dist/parts.mjs';
import { cycloneDx, spdx } from './dist/sbom.mjs';
import { fail, root, run, say } from './setup.mjs';

/** As kernels and image systems name them, and as Node does. */
const architectures = { aarch64: 'arm64', x86_64: 'x64' };
const libcs = { glibc: 'gnu', musl: 'musl' };

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'release' },
    architecture: { type: 'string', multiple: true, default: Object.keys(architectures) },
    libc: { type: 'string', multiple: true, default: Object.keys(libcs) },
  },
});
const project = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const name = 'open-sesame';
const out = resolve(root, options.out);

/** Time of the commit in s since 1970. */
function sourceDateEpoch() {
  if (process.env.SOURCE_DATE_EPOCH !== undefined) return Number(process.env.SOURCE_DATE_EPOCH);
  const { status, stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' });
  if (status !== 0) fail('this is no git checkout: set SOURCE_DATE_EPOCH to the time of the release in seconds since 1970');
  return Number(stdout);
}

function makeRelease({ architecture, libc, epoch, work }) {
  const build = join(work, 'build');
  const base = `${name}-${project.version}`;
  const directory = join(work, base);
  const target = ['--architecture', architectures[architecture], '--libc', libcs[libc], '--out', build];
  run(process.execPath, [join(root, 'tools/build.mjs'), ...target, '--release']);
  const inputs = JSON.parse(readFileSync(join(build, 'inputs.json'), 'utf8'));
  const components = componentsOf({ root, inputs });
  const release = {
    name,
    version: project.version,
    architecture,
    libc,
    license: project.license,
    epoch,
    node: project.engines.node,
  };

  const parts = join(directory, 'parts');
  layOutParts({ root, build, parts });
  writeLicences({ root, components, directory: join(parts, 'licences/usr/share/licenses/open-sesame') });
  const write = (path, content) => writeFileSync(join(directory, path), `${JSON.stringify(content, undefined, 2)}\n`);
  mkdirSync(join(directory, 'sbom'));
  write('sbom/open-sesame.spdx.json', spdx(release, components));
  write('sbom/open-sesame.cdx.json', cycloneDx(release, components));
  write('release.json', release);
  const kernel = join(root, 'kernel-fragments');
  cpSync(kernel, join(directory, 'kernel-fragments'), {
    recursive: true,
    filter: (path) => !path.startsWith(join(kernel, 'test')) && !path.endsWith('.ts'),
  });
  for (const file of ['install.sh', 'README.md']) cpSync(join(root, 'tools/dist', file), join(directory, file));
  writeFileSync(join(directory, 'SHA256SUMS'), checksumLines(directory));
  plainModes(directory);

  const archive = join(out, `${base}-${architecture}-${libc}.tar.gz`);
  pack({ parent: work, name: base, epoch, archive });
  return { archive, parts };
}

/** The external tree for Buildroot, for whoever has no checkout. */
function makeExternalTree(archives) {
  const base = `${name}-${project.version}-buildroot`;
  const work = mkdtempSync(join(tmpdir(), 'open-sesame-dist-'));
  try {
    layOutExternalTree({ root, directory: join(work, base), archives });
    plainModes(join(work, base));
    const archive = join(out, `${base}.tar.gz`);
    pack({ parent: work, name: base, epoch, archive });
    return { name: basename(archive), digest: sha256(readFileSync(archive)) };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** What each part takes on a device, in KiB, one line for each release. */
function sizes(parts) {
  const bytes = new Map();
  for (const path of filesBelow(parts)) {
    const [part] = path.split('/');
    bytes.set(part, (bytes.get(part) ?? 0) + statSync(join(parts, path)).size);
  }
  return [...bytes].map(([part, size]) => `${part} ${Math.ceil(size / 1024)}`).join(', ');
}

const epoch = sourceDateEpoch();
mkdirSync(out, { recursive: true });
const archives = [];
for (const architecture of options.architecture) {
  for (const libc of options.libc) {
    if (architectures[architecture] === undefined || libcs[libc] === undefined)
      fail(`there is no release for ${architecture} with ${libc}`);
    const work = mkdtempSync(join(tmpdir(), 'open-sesame-dist-'));
    try {
      const { archive, parts } = makeRelease({ architecture, libc, epoch, work });
      const bytes = readFileSync(archive);
      archives.push({ name: basename(archive), digest: sha256(bytes) });
      say(`${archive}: ${Math.ceil(bytes.length / 1024)} KiB; unpacked, in KiB: ${sizes(parts)}`);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
}
writeHashFile(out, archives);
archives.push(makeExternalTree(archives));
writeFileSync(join(out, 'SHA256SUMS'), archives.map(({ name, digest }) => `${digest}  ${name}\n`).join(''));
