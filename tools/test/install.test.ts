// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { Device } from '../../app/test/support/device.ts';
import { temporaryDirectory } from '../../app/test/support/directory.ts';
import { makeRelease, ownArchitecture, pathsBelow, repository, unpack } from './support/release.ts';

describe('install.sh of a release', () => {
  const directory = temporaryDirectory();
  let release: string;
  before(() => {
    mkdirSync(join(directory, 'out'));
    mkdirSync(join(directory, 'unpacked'));
    release = unpack(
      makeRelease(join(directory, 'out'), { architecture: ownArchitecture, libc: 'glibc' }),
      join(directory, 'unpacked'),
    );
  });

  function install(
    words: readonly string[],
    { from = release, into = mkdtempSync(join(directory, 'image-')), umask = '022' } = {},
  ) {
    const script = `umask ${umask} && exec sh ./install.sh "$@"`;
    const options = { cwd: from, env: { PATH: process.env['PATH'], DESTDIR: into }, encoding: 'utf8' } as const;
    return { into, ...spawnSync('sh', ['-c', script, 'sh', ...words], options) };
  }

  it('is a script without a mistake that shellcheck knows', () => {
    assert.equal(spawnSync('shellcheck', [join(release, 'install.sh')], { encoding: 'utf8' }).stdout, '');
  });

  it('installs programs that serve a secret', async () => {
    const { into } = install(['--node', process.execPath]);
    const device = new Device('', { programs: join(into, 'usr/lib/open-sesame/bin') });
    try {
      await device.start();
      await device.initialise();
      await device.must(['secret', 'set', '-p', 'device', 'name'], 'value');
      const { stdout } = spawnSync(join(into, 'usr/bin/sesame'), ['secret', 'get', '-p', 'device', 'name'], {
        env: device.environment,
      });
      assert.equal(stdout.toString(), 'value');
    } finally {
      await device.dispose();
    }
  });

  it('links the Node that the device has', () => {
    const { into } = install(['--parts', 'common', '--node=/opt/node/bin/node']);
    assert.equal(readlinkSync(join(into, 'usr/lib/open-sesame/lib/node')), '/opt/node/bin/node');
  });

  it('installs the services of an init system from their one source', () => {
    const { into } = install(['--parts', '', '--init', 'openrc']);
    const source = join(repository, 'app/init/openrc');
    const places = { 'init.d': 'etc/init.d', 'conf.d': 'etc/conf.d', lib: 'usr/lib/open-sesame/openrc' };
    for (const [folder, place] of Object.entries(places))
      for (const file of pathsBelow(join(source, folder)))
        assert.equal(readFileSync(join(into, place, file), 'utf8'), readFileSync(join(source, folder, file), 'utf8'));
  });

  it('keeps what runit notes about its services in memory, where the root file system is read-only', () => {
    const { into } = install(['--parts', '', '--init', 'runit']);
    assert.deepEqual(
      ['open-sesame-profile', 'open-sesame-secrets/log', 'open-sesame-watch'].map((name) =>
        readlinkSync(join(into, 'etc/sv', name, 'supervise')),
      ),
      ['open-sesame-profile', 'open-sesame-secrets.log', 'open-sesame-watch'].map((name) => `/run/runit/supervise.${name}`),
    );
  });

  for (const init of ['sysvinit', 'busybox', 'runit']) {
    it(`installs with ${init} what it shares with others: supervision, limits and settings`, () => {
      const { into } = install(['--parts', '', '--init', init]);
      for (const path of ['usr/lib/open-sesame/supervision/health', 'etc/default/open-sesame-secrets'])
        assert.ok(existsSync(join(into, path)), path);
    });
  }

  it('gives everyone what belongs to everyone, whatever the umask of who installs', () => {
    const { into } = install(['--init', 'openrc'], { umask: '077' });
    const modes = [
      'usr/lib/open-sesame/bin',
      'usr/lib/open-sesame/bin/sesame',
      'etc/init.d/open-sesame-profile',
      `usr/lib/open-sesame/lib/native/${pathsBelow(join(release, 'parts/common')).map((path) => basename(path))[0]}`,
      'etc/pds/config.toml',
    ];
    assert.deepEqual(
      modes.map((path) => (statSync(join(into, path)).mode & 0o777).toString(8)),
      ['755', '755', '755', '755', '644'],
    );
  });

  it('installs the same twice', () => {
    const { into } = install([]);
    const paths = pathsBelow(into);
    const { status } = install([], { into });
    assert.deepEqual([status, pathsBelow(into)], [0, paths]);
  });

  it('keeps the configuration of a device that is updated', () => {
    const { into } = install(['--parts', 'config']);
    const file = join(into, 'etc/pds/config.toml');
    writeFileSync(file, '# mine\n');
    install(['--parts', 'config'], { into });
    assert.equal(readFileSync(file, 'utf8'), '# mine\n');
  });

  it('leaves out the parts that are not asked for', () => {
    const { into } = install(['--parts=common,cli']);
    assert.deepEqual(
      [existsSync(join(into, 'usr/bin/sesame')), existsSync(join(into, 'usr/share')), existsSync(join(into, 'etc'))],
      [true, false, false],
    );
  });

  it('refuses a release that was altered, and installs nothing of it', () => {
    const altered = join(directory, 'altered');
    cpSync(release, altered, { recursive: true, verbatimSymlinks: true });
    appendFileSync(join(altered, 'parts/secrets/usr/lib/open-sesame/lib/daemon-secrets.cjs'), '\n');
    const { status, stderr, into } = install([], { from: altered });
    assert.equal(status, 1);
    assert.match(stderr, /damaged or was altered/);
    assert.deepEqual(pathsBelow(into), []);
  });

  for (const [mistake, words, answer] of [
    ['a part that does not exist', ['--parts', 'gui'], /no part gui, only: cli common/],
    ['an init system without service files', ['--init', 'upstart'], /no part init-upstart, only: .*init-openrc/],
    ['a Node that is not named from the root', ['--node', 'node'], /absolute path/],
    ['an option without its value', ['--parts'], /--parts needs a value/],
  ] as const) {
    it(`refuses ${mistake} with a sentence`, () => {
      const { status, stderr } = install(words);
      assert.equal(status, 1);
      assert.match(stderr, answer);
    });
  }
});
