// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { temporaryDirectory } from '../../app/test/support/directory.ts';

const root = join(import.meta.dirname, '../..');

function run(program: string, ...words: readonly string[]) {
  return spawnSync(program, words, { encoding: 'utf8', maxBuffer: 1 << 24 });
}

describe('a RAUC bundle', () => {
  const directory = temporaryDirectory();
  const place = (name: string) => join(directory, name);
  const bundle = place('update.raucb');
  const hook = join(root, 'app/init/update-hooks/rauc');

  function makeKey(name: string): void {
    const files = ['-keyout', place(`${name}.key`), '-out', place(`${name}.crt`)];
    const request = [
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-days',
      '1',
    ];
    const { status, stderr } = run('openssl', 'req', ...request, ...files);
    assert.equal(status, 0, stderr);
  }

  before(() => {
    mkdirSync(place('tree'));
    writeFileSync(place('tree/program'), randomBytes(1 << 16));
    assert.equal(run('mksquashfs', place('tree'), place('rootfs.squashfs'), '-quiet', '-no-progress').status, 0);
    makeKey('ours');
    makeKey('other');
    const words = [
      'open-sesame-raspberrypi4-64',
      '0.1.0',
      place('rootfs.squashfs'),
      hook,
      place('ours.crt'),
      place('ours.key'),
      bundle,
    ];
    const { status, stdout, stderr } = run('sh', join(root, 'buildroot-ext/board/common/pack-bundle.sh'), ...words);
    assert.equal(status, 0, stdout + stderr);
  });

  it('is verified by RAUC, and says what it is for', () => {
    const { status, stdout, stderr } = run('rauc', 'info', `--keyring=${place('ours.crt')}`, '--output-format=json', bundle);
    assert.equal(status, 0, stderr);
    const { compatible, version, images } = JSON.parse(stdout);
    assert.deepEqual([compatible, version], ['open-sesame-raspberrypi4-64', '0.1.0']);
    assert.deepEqual(images[0].rootfs.hooks, ['post-install']);
  });

  it('holds the root file system and the hook that approves the next boot', () => {
    const { status, stderr } = run('rauc', 'extract', `--keyring=${place('ours.crt')}`, bundle, place('content'));
    assert.equal(status, 0, stderr);
    assert.deepEqual(readFileSync(place('content/rootfs.squashfs')), readFileSync(place('rootfs.squashfs')));
    assert.deepEqual(readFileSync(place('content/rauc')), readFileSync(hook));
    assert.match(readFileSync(place('content/manifest.raucm'), 'utf8'), /\[image\.rootfs\][^[]*hooks=post-install/);
  });

  it('is refused when somebody else signed it', () => {
    assert.notEqual(run('rauc', 'info', `--keyring=${place('other.crt')}`, bundle).status, 0);
  });

  it('is refused when its signature was altered', () => {
    const altered = readFileSync(bundle);
    const last = altered.length - 40;
    altered.writeUInt8(altered.readUInt8(last) ^ 1, last);
    writeFileSync(place('altered.raucb'), altered);
    assert.notEqual(run('rauc', 'info', `--keyring=${place('ours.crt')}`, place('altered.raucb')).status, 0);
  });
});

describe('the bundle of a build', () => {
  const target = temporaryDirectory();
  const settings = {
    TARGET_DIR: target,
    BINARIES_DIR: target,
    OPEN_SESAME_BUNDLE_COMPATIBLE: 'open-sesame',
    OPEN_SESAME_BUNDLE_VERSION: '0.1.0',
    OPEN_SESAME_BUNDLE_CERTIFICATE: 'ours.crt',
    OPEN_SESAME_BUNDLE_KEY: 'ours.key',
  };
  const build = (changed: Readonly<Record<string, string>>) =>
    spawnSync('sh', [join(root, 'buildroot-ext/board/common/bundle.sh')], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], ...settings, ...changed },
    });

  it('is not made where nobody asked for one', () => {
    assert.deepEqual(
      [build({ OPEN_SESAME_BUNDLE_VERSION: '' }).status, build({ OPEN_SESAME_BUNDLE_VERSION: '' }).stderr],
      [0, ''],
    );
  });

  it('stops the build without a key', () => {
    const { status, stderr } = build({ OPEN_SESAME_BUNDLE_KEY: '' });
    assert.equal(status, 1);
    assert.match(stderr, /set BR2_PACKAGE_OPEN_SESAME_BUNDLE_KEY/);
  });

  it('stops a build whose image was finished before the option was set, and says what brings the hooks', () => {
    const { status, stderr } = build({});
    assert.equal(status, 1);
    assert.match(stderr, /no update hooks yet: make open-sesame-reinstall all/);
  });
});
