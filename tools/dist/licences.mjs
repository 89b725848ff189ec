// SPDX-License-Identifier: MIT
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sqliteSource } from './components.mjs';

/**
 * Writes the licence of everything inside to a directory: ours, one file for each package, and the notices of what is compiled in.
 * @throws TypeError for a package that comes without one
 */
export function writeLicences({ root, components, directory }) {
  mkdirSync(directory, { recursive: true });
  copyFileSync(join(root, 'LICENSE'), join(directory, 'open-sesame'));
  // Packages under it bring a notice only; its text is to be handed on.
  copyFileSync(join(root, 'node_modules/@biomejs/biome/LICENSE-APACHE'), join(directory, 'Apache-2.0'));
  for (const { name } of components.filter(({ partOf }) => partOf === undefined)) {
    const source = licenceFile(join(root, 'node_modules', withoutPlatform(name)));
    if (source === undefined) throw new TypeError(`${name} comes without a licence file`);
    copyFileSync(source, join(directory, withoutPlatform(name).replace('/', '-').replace('@', '')));
  }
  writeFileSync(join(directory, 'sqlite'), sqliteNotices(readFileSync(join(root, sqliteSource), 'latin1')));
  writeFileSync(join(directory, 'rust-crates'), crateNotices(components, readFileSync(join(root, 'LICENSE'), 'utf8')));
}

/** A package with the native module of one platform is licensed as the one that it belongs to. */
function withoutPlatform(name) {
  const owner = { '@yuuang/ffi-rs': 'ffi-rs' };
  const general = name.replace(/-linux-(x64|arm64)-(gnu|musl)$/, '');
  return owner[general] ?? general;
}

function licenceFile(directory) {
  const name = readdirSync(directory).find((file) => /^licen[cs]e(\.md|\.txt)?$/i.test(file));
  return name === undefined ? undefined : join(directory, name);
}

/** The copyright lines, and every comment that asks to be reproduced. */
function sqliteNotices(source) {
  const comments = source.match(/\/\*[\s\S]*?\*\//g) ?? [];
  const asked = comments.filter((text) => /Permission is hereby|Redistributions in binary form|dedicate any and all/.test(text));
  const holders = source.match(/Copyright:? +\([cC]\) +[\d-]+ .*/g) ?? [];
  const unique = (texts) => [...new Set(texts)].join('\n');
  return `SQLite is in the public domain. SQLite3 Multiple Ciphers is under the MIT licence (the text is in the file open-sesame), and so is
what it takes from others unless a notice below says differently.

${unique(holders)}

${unique(asked)}
`;
}

function crateNotices(components, mit) {
  const crates = components.filter(({ purl }) => purl.startsWith('pkg:cargo/'));
  const lines = [...new Set(crates.map(({ name, version, license }) => `${name} ${version}: ${license}, by its authors`))].sort();
  return `Compiled into the native modules, all used under the MIT licence:\n\n${lines.join('\n')}\n\n${mit.slice(mit.indexOf('Permission'))}`;
}
