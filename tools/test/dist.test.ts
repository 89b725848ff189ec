// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { temporaryDirectory } from '../../app/test/support/directory.ts';
import { makeRelease, ownArchitecture, pathsBelow, repository, targets, unpack } from './support/release.ts';

const elfMachines: Readonly<Record<string, string>> = { aarch64: 'AArch64', x86_64: 'Advanced Micro Devices X86-64' };

/** What Node, libstdc++ and libgcc bring. */
const fromElsewhere = /^(napi_|node_api_|_Z|__cxa_|__gxx_|__once_proxy$|_Unwind_|__clear_cache$)/;

/** Of this machine's architecture: the names are the same on all. */
const musl = new Set(symbols('--defined-only', `/lib/ld-musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`));

function symbols(which: string, path: string): string[] {
  const { stdout, status, stderr } = spawnSync('nm', ['-D', which, path], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return [...stdout.matchAll(/ [A-Z] (\w+)(?:@|$)/gm)].map(([, name = '']) => name);
}

/** Without links: they lead to places on the device. */
function regularFiles(directory: string): string[] {
  return pathsBelow(directory).filter((path) => lstatSync(join(directory, path)).isFile());
}

for (const target of targets) {
  describe(`the release for ${target.architecture} with ${target.libc}`, () => {
    const directory = temporaryDirectory();
    let release: string;
    before(() => {
      mkdirSync(join(directory, 'out'));
      mkdirSync(join(directory, 'unpacked'));
      release = unpack(makeRelease(join(directory, 'out'), target), join(directory, 'unpacked'));
    });

    it('has the digest of each of its files', () => {
      const { status } = spawnSync('sha256sum', ['-c', '--strict', '--quiet', 'SHA256SUMS'], { cwd: release });
      const listed = readFileSync(join(release, 'SHA256SUMS'), 'utf8').trim().split('\n');
      const files = regularFiles(release).filter((path) => path !== 'SHA256SUMS');
      assert.deepEqual([status, listed.length], [0, files.length]);
    });

    const modules = () => pathsBelow(join(release, 'parts')).filter((path) => path.endsWith('.node'));

    it('has native modules for this machine only', () => {
      const machines = modules().map((path) => {
        const { stdout } = spawnSync('readelf', ['-hW', join(release, 'parts', path)], { encoding: 'utf8' });
        return /Machine:\s+(.+)/.exec(stdout)?.[1];
      });
      assert.deepEqual(machines, new Array(3).fill(elfMachines[target.architecture]));
    });

    if (target.libc === 'musl') {
      // Not by the name of the library: ffi-rs publishes a module for musl on aarch64 that asks for glibc's, as which musl passes itself off.
      it('has native modules that ask musl for nothing that it lacks', () => {
        const missing = modules().flatMap((path) =>
          symbols('--undefined-only', join(release, 'parts', path))
            .filter((name) => !musl.has(name) && !fromElsewhere.test(name))
            .map((name) => `${path}: ${name}`),
        );
        assert.deepEqual(missing, []);
      });
    } else {
      it('has native modules that glibc 2.34 can serve', () => {
        const versions = modules().flatMap((path) => {
          const { stdout } = spawnSync('readelf', ['-VW', join(release, 'parts', path)], { encoding: 'utf8' });
          return [...stdout.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
        });
        assert.equal(Math.max(...versions), 34);
      });
    }

    it('names no path of the machine that built it', () => {
      const places = [repository, directory, '/tmp/', process.env['HOME'] ?? '/root'];
      const texts = regularFiles(release).filter((path) => !path.endsWith('.node'));
      const found = texts.flatMap((path) => {
        const text = readFileSync(join(release, path), 'latin1');
        return places.filter((place) => text.includes(place)).map((place) => `${path}: ${place}`);
      });
      assert.deepEqual(found, []);
    });

    it('brings the licence of each package of package.json', () => {
      const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
      const licences = pathsBelow(join(release, 'parts/licences/usr/share/licenses/open-sesame'));
      const missing = Object.keys(dependencies).filter((name) => !licences.includes(name.replace('@', '').replace('/', '-')));
      assert.deepEqual(missing, []);
    });
  });
}

describe('a release made twice', () => {
  // In the cache and not in the system's temporary directory, so that what is large can be linked.
  let second: string;
  before(() => {
    mkdirSync(join(repository, '.cache'), { recursive: true });
    second = mkdtempSync(join(repository, '.cache/second-checkout-'));
    const inputs = [
      'app',
      'buildroot-ext',
      'kernel-fragments',
      'tools',
      'node_modules',
      'package.json',
      'package-lock.json',
      'LICENSE',
    ];
    const { status, stderr } = spawnSync('cp', ['-al', ...inputs.map((name) => join(repository, name)), second], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });
  after(() => rmSync(second, { recursive: true, force: true }));

  const directory = temporaryDirectory();

  it('is the same to the last bit in another directory under another umask', () => {
    const target = { architecture: ownArchitecture, libc: 'glibc' };
    const [first, other] = ['first', 'other'].map((name) => join(directory, name));
    assert.ok(first !== undefined && other !== undefined);
    mkdirSync(first);
    mkdirSync(other);
    const archive = makeRelease(first, target);
    const umask = process.umask(0o077);
    try {
      assert.ok(readFileSync(archive).equals(readFileSync(makeRelease(other, target, second))));
    } finally {
      process.umask(umask);
    }
  });
});
