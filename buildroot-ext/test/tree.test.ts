// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const root = join(import.meta.dirname, '../..');
const tree = join(root, 'buildroot-ext');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const project = JSON.parse(read('package.json'));
const defconfigs = globSync(join(tree, 'configs/*_defconfig'));
const treeVariable = '$(BR2_EXTERNAL_OPEN_SESAME_PATH)';

/** "algorithm digest name" lines of a .hash file, by name. */
function hashes(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => /^sha\d+ /.test(line));
  return new Map(lines.map((line) => line.split(/ {2}/)).map(([, digest = '', name = '']) => [name, digest]));
}

describe('the packages of the external tree', () => {
  const node = read('buildroot-ext/package/open-sesame-node/open-sesame-node.mk');
  const ours = read('buildroot-ext/package/open-sesame/open-sesame.mk');

  it('have the versions of this checkout', () => {
    assert.ok(ours.includes(`OPEN_SESAME_VERSION = ${project.version}\n`));
    assert.ok(node.includes(`OPEN_SESAME_NODE_VERSION = ${project.optionalDependencies['node-22-arm64'].split('@')[1]}\n`));
  });

  it('pin Node to what the lock file says of it', () => {
    const pinned = hashes(read('buildroot-ext/package/open-sesame-node/open-sesame-node.hash'));
    const { packages } = JSON.parse(read('package-lock.json'));
    for (const architecture of ['arm64', 'x64']) {
      const { name, version, integrity } = packages[`node_modules/node-22-${architecture}`];
      const digest = Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex');
      assert.equal(pinned.get(`${name}-${version}.tgz`), digest);
    }
  });

  it('hand every licence that has a hash to legal-info', () => {
    const listed = /^OPEN_SESAME_LICENSE_FILES = ([\s\S]*?)\)\n/m.exec(ours)?.[1]?.split(/[\s\\,]+/) ?? [];
    const hashed = [...hashes(read('buildroot-ext/package/open-sesame/open-sesame.hash')).keys()].map((name) => basename(name));
    assert.ok(hashed.length > 0);
    assert.deepEqual(
      hashed.filter((name) => !listed.includes(name)),
      [],
    );
  });

  it('name no host', () => {
    for (const file of [ours, node]) assert.doesNotMatch(file, /https?:/);
  });
});

describe('the defconfigs', () => {
  const known = new Set(
    globSync(join(tree, '**/Config.in')).flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/^(?:menu)?config (\w+)$/gm)].map(([, option]) => option),
    ),
  );

  it('are one for each machine', () => {
    assert.deepEqual(defconfigs.map((file) => basename(file)).sort(), [
      'open_sesame_qemu_aarch64_defconfig',
      'open_sesame_raspberrypi3_64_defconfig',
      'open_sesame_raspberrypi4_64_defconfig',
      'open_sesame_raspberrypi5_defconfig',
    ]);
  });

  for (const file of defconfigs) {
    const text = readFileSync(file, 'utf8');
    it(`${basename(file)} sets only options of ours that exist`, () => {
      for (const [, option] of text.matchAll(/^(BR2_PACKAGE_OPEN_SESAME\w*)=/gm)) assert.ok(known.has(option), option);
    });

    it(`${basename(file)} names only files that are there`, () => {
      for (const [, path] of text.matchAll(/\$\(BR2_EXTERNAL_OPEN_SESAME_PATH\)([^\s"]*)/g))
        assert.ok(globSync(join(tree, path ?? '')).length === 1, `${treeVariable}${path}`);
    });

    it(`${basename(file)} gives nobody a root without a password`, () => {
      assert.match(text, /^# BR2_TARGET_ENABLE_ROOT_LOGIN is not set$/m);
    });
  }
});

describe('the scripts of the external tree', () => {
  const scripts = globSync([join(tree, '{board,package}/**/*.sh'), join(root, 'kernel-fragments/*.sh')]);
  const services = globSync(join(tree, 'package/**/init.d/*'));

  it('please shellcheck', () => {
    assert.ok(scripts.length > 4 && services.length > 1, 'there are scripts and services');
    const plain = spawnSync('shellcheck', scripts, { encoding: 'utf8' });
    assert.equal(plain.status, 0, plain.stdout);
    // OpenRC reads variables that the script seems not to use; local is known to every shell that it runs with.
    const ofOpenrc = spawnSync('shellcheck', ['--shell=dash', '--exclude=SC2034,SC3043', ...services], { encoding: 'utf8' });
    assert.equal(ofOpenrc.status, 0, ofOpenrc.stdout);
  });
});

describe('the root file system after the build', () => {
  it('has what OpenRC would write below /etc as links to where it can', () => {
    const target = mkdtempSync(join(tmpdir(), 'target-'));
    try {
      for (const place of ['etc', 'root', 'var']) mkdirSync(join(target, place));
      writeFileSync(join(target, 'etc/shadow'), 'root:*:::::::\n');
      const script = join(tree, 'board/common/post-build.sh');
      const { status, stderr } = spawnSync('sh', [script], { env: { ...process.env, TARGET_DIR: target }, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      const links = ['machine-id', 'mtab'].map((name) => readlinkSync(join(target, 'etc', name)));
      assert.deepEqual(links, ['/var/lib/identity/machine-id', '/proc/self/mounts']);
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  });
});

describe('the check of a toolchain', () => {
  const staging = mkdtempSync(join(tmpdir(), 'staging-'));
  after(() => rmSync(staging, { recursive: true, force: true }));
  before(() => mkdirSync(join(staging, 'lib')));

  /** Symbol versions stand in a library as they are. */
  function check(libc: string, libstdcxx: string) {
    writeFileSync(join(staging, 'lib/libc.so.6'), `\x7fELF\0${libc}\0`);
    writeFileSync(join(staging, 'lib/libstdc++.so.6.0.30'), `\x7fELF\0${libstdcxx}\0`);
    return spawnSync('sh', [join(tree, 'package/open-sesame/check-toolchain.sh'), staging], { encoding: 'utf8' });
  }

  it('passes one that is new enough', () => {
    assert.equal(check('GLIBC_2.34', 'GLIBCXX_3.4.29').status, 0);
  });

  it('names the library that is too old', () => {
    const { status, stderr } = check('GLIBC_2.33', 'GLIBCXX_3.4.28');
    assert.equal(status, 1);
    assert.match(stderr, /glibc 2\.34 and libstdc\+\+ with GLIBCXX_3\.4\.29 \(gcc 11\)/);
  });
});

describe('the release', () => {
  it('has the licences whose hashes the external tree names', () => {
    const release = mkdtempSync(join(tmpdir(), 'release-'));
    try {
      const dist = spawnSync(
        process.execPath,
        [join(root, 'tools/dist.mjs'), '--architecture', 'aarch64', '--libc', 'glibc', '--out', release],
        { encoding: 'utf8' },
      );
      assert.equal(dist.status, 0, dist.stderr);
      const archive = `open-sesame-${project.version}-aarch64-glibc.tar.gz`;
      const digest = createHash('sha256')
        .update(readFileSync(join(release, archive)))
        .digest('hex');
      assert.equal(hashes(readFileSync(join(release, 'open-sesame.hash'), 'utf8')).get(archive), digest);

      spawnSync('tar', ['-xzf', join(release, archive), '-C', release]);
      for (const [path, wanted] of hashes(read('buildroot-ext/package/open-sesame/open-sesame.hash'))) {
        const file = readFileSync(join(release, `open-sesame-${project.version}`, path));
        assert.equal(createHash('sha256').update(file).digest('hex'), wanted, path);
      }

      const external = join(release, `open-sesame-${project.version}-buildroot`);
      spawnSync('tar', ['-xzf', `${external}.tar.gz`, '-C', release]);
      assert.equal(hashes(readFileSync(join(external, 'package/open-sesame/open-sesame.hash'), 'utf8')).get(archive), digest);
      assert.equal(readFileSync(join(external, 'kernel-fragments/tpm.cfg'), 'utf8'), read('kernel-fragments/tpm.cfg'));
    } finally {
      rmSync(release, { recursive: true, force: true });
    }
  });
});
