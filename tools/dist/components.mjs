// SPDX-License-Identifier: MIT
// What a release consists of besides our own sources, found out from the build itself: the bundler says which packages went into a
// program, the lock file has their versions and digests, and what others compiled into the native modules is read out of those.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Crates that npm packages have linked in, and their licences as crates.io states them. All may be used under MIT. One that is not here
 * stops the build, so that nobody ships under a licence unread.
 */
const crates = {
  addr2line: 'Apache-2.0 OR MIT',
  'argon2-rust': 'MIT',
  dlopen: 'MIT',
  gimli: 'MIT OR Apache-2.0',
  hashbrown: 'MIT OR Apache-2.0',
  indexmap: 'Apache-2.0 OR MIT',
  lazy_static: 'MIT OR Apache-2.0',
  libffi: 'MIT OR Apache-2.0',
  miniz_oxide: 'MIT OR Zlib OR Apache-2.0',
  napi: 'MIT',
  once_cell: 'MIT OR Apache-2.0',
  rand: 'MIT OR Apache-2.0',
  'rustc-demangle': 'MIT OR Apache-2.0',
  widestring: 'MIT OR Apache-2.0',
};

/**
 * @param inputs for each program the files it was bundled from
 * @returns components by name, each { name, version, license, purl, integrity?, partOf? }: `integrity` is that of the npm package,
 *   `partOf` the name of the component whose binary contains it
 * @throws TypeError for a package that the lock file does not have, or a crate without a known licence
 */
export function componentsOf({ root, inputs }) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const files = [...new Set(Object.values(inputs).flat())];
  const names = new Set(files.map(packageOf).filter((name) => name !== undefined));
  const packages = [...names].map((name) => npmComponent(name, lock[`node_modules/${name}`]));
  const binaries = files.filter((file) => file.endsWith('.node')).map((file) => file.replace(/^native:/, ''));
  const inside = binaries.flatMap((file) => [...cratesIn(file), ...(file.includes('better-sqlite3') ? sqliteIn(root) : [])]);
  return [...packages, ...inside].sort((a, b) => (a.purl < b.purl ? -1 : 1));
}

function packageOf(file) {
  return file
    .split('node_modules/')
    .slice(1)
    .at(-1)
    ?.match(/^(@[^/]+\/)?[^/]+/)[0];
}

function npmComponent(name, entry) {
  if (entry?.license === undefined) throw new TypeError(`package-lock.json has no licence for ${name}`);
  const { version, license, integrity } = entry;
  return { name, version, license, integrity, purl: `pkg:npm/${name.replace('@', '%40')}@${version}` };
}

/** Rust leaves the paths of crates in the binaries wherever they may panic, so this is what shows, not all there is. */
function cratesIn(file) {
  const found = readFileSync(file, 'latin1').matchAll(/(?:index\.crates\.io-[0-9a-f]+|rust\/deps)\/([\w-]+)-(\d+\.\d+\.\d+)\//g);
  const seen = new Map([...found].map(([, name, version]) => [`${name}@${version}`, { name, version }]));
  return [...seen.values()].map(({ name, version }) => {
    const license = crates[name];
    if (license === undefined)
      throw new TypeError(`${file} contains the crate ${name}: add its licence to tools/dist/components.mjs`);
    return { name, version, license, purl: `pkg:cargo/${name}@${version}`, partOf: packageOf(file) };
  });
}

export const sqliteSource = 'node_modules/better-sqlite3-multiple-ciphers/deps/sqlite3/sqlite3.c';

function sqliteIn(root) {
  const text = readFileSync(join(root, sqliteSource), 'latin1');
  const [, sqlite] = /#define SQLITE_VERSION +"([\d.]+)"/.exec(text);
  const [, ciphers] = /#define SQLITE3MC_VERSION_STRING +"SQLite3 Multiple Ciphers ([\d.]+)"/.exec(text);
  const partOf = 'better-sqlite3-multiple-ciphers';
  return [
    { name: 'sqlite', version: sqlite, license: 'blessing', purl: `pkg:generic/sqlite@${sqlite}`, partOf },
    { name: 'sqlite3mc', version: ciphers, license: 'MIT', purl: `pkg:github/utelle/SQLite3MultipleCiphers@v${ciphers}`, partOf },
  ];
}
