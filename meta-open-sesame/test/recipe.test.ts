// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { before, describe, it } from 'node:test';
import { temporaryDirectory } from '../../app/test/support/directory.ts';
import { makeRelease, ownArchitecture, pathsBelow, unpack } from '../../tools/test/support/release.ts';
import { layerFiles, repository, textOf } from './support.ts';

const project = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
const recipePath = `recipes-core/open-sesame/open-sesame_${project.version}.bb`;
const directories: Readonly<Record<string, string>> = {
  HOME_DIR: '/usr/lib/open-sesame',
  bindir: '/usr/bin',
  datadir: '/usr/share',
  localstatedir: '/var',
  mandir: '/usr/share/man',
  nonarch_libdir: '/usr/lib',
  sysconfdir: '/etc',
  systemd_system_unitdir: '/usr/lib/systemd/system',
};

describe('the recipe', () => {
  it('has the version of package.json, as has what a distribution includes', () => {
    const included = /^OPEN_SESAME_VERSION = "(.*)"$/m.exec(textOf('conf/distro/include/open-sesame.inc'))?.[1];
    assert.deepEqual([layerFiles('.bb').includes(recipePath), included], [true, project.version]);
  });

  it('takes the Node that everything is tested with, where it takes a prebuilt one', () => {
    const pinned = project.optionalDependencies['node-22-arm64'].split('@').at(-1);
    assert.ok(layerFiles('.bb').includes(`recipes-devtools/nodejs/nodejs-prebuilt_${pinned}.bb`));
  });

  it('makes the users that the services name', () => {
    const users = textOf('recipes-core/open-sesame/open-sesame-users_1.0.bb');
    const services = ['profile', 'secrets'].map((name) =>
      readFileSync(join(repository, `app/init/openrc/init.d/open-sesame-${name}`), 'utf8'),
    );
    const named = services.map((text) => /^command_user=(.+):(.+)$/m.exec(text));
    assert.deepEqual(
      named.map((match) => [users.includes(` ${match?.[1]}`), match?.[2]]),
      [
        [true, 'pds'],
        [true, 'pds'],
      ],
    );
  });

  describe('with the release', () => {
    const directory = temporaryDirectory();
    let release: string;
    before(() => {
      mkdirSync(join(directory, 'out'));
      mkdirSync(join(directory, 'unpacked'));
      const archive = makeRelease(join(directory, 'out'), { architecture: ownArchitecture, libc: 'glibc' });
      release = unpack(archive, join(directory, 'unpacked'));
    });

    it('has the digests of the licences', () => {
      const listed = [...textOf(recipePath).matchAll(/file:\/\/\$\{LICENCES\}\/([\w-]+);md5=(\w+)/g)];
      const right = listed.map(([, name = '']) => {
        const text = readFileSync(join(release, 'parts/licences/usr/share/licenses/open-sesame', name));
        return [name, createHash('md5').update(text).digest('hex')];
      });
      assert.ok(listed.length > 0);
      assert.deepEqual(
        listed.map(([, name, digest]) => [name, digest]),
        right,
      );
    });

    for (const init of ['openrc', 'systemd', 'sysvinit']) {
      it(`puts every file of an image with ${init} into one package`, () => {
        const image = join(directory, init);
        const installed = spawnSync('sh', [join(release, 'install.sh'), '--init', init], {
          env: { ...process.env, DESTDIR: image },
        });
        assert.equal(installed.status, 0, installed.stderr.toString());
        const packages = packageFiles(init);
        const left = pathsBelow(image).filter((path) => ownerOf(`/${path}`, packages) === undefined);
        assert.deepEqual(left, []);
      });
    }

    it('keeps the programs of each part in the package of the part', () => {
      const packages = packageFiles('openrc');
      const wrong = ['profile', 'secrets', 'cli'].flatMap((part) =>
        pathsBelow(join(release, 'parts', part))
          .map((path) => [path, ownerOf(`/${path}`, packages)])
          .filter(([, owner]) => owner !== `-${part}`),
      );
      assert.deepEqual(wrong, []);
    });
  });
});

/** FILES of each package, in the order of PACKAGES, as BitBake expands them. */
function packageFiles(init: string): ReadonlyMap<string, readonly string[]> {
  const text = textOf(recipePath).replaceAll('\\\n', ' ');
  const files = new Map<string, string[]>();
  for (const [, name = '', value = ''] of text.matchAll(/^FILES:\$\{PN\}(-[\w-]+)? \+?= "(.*)"$/gm)) {
    const chosen = value.replace(/\$\{@bb\.utils\.contains\('DISTRO_FEATURES', '(\w+)', '(.*?)', '(.*?)', d\)\}/, (...match) =>
      match[1] === init ? match[2] : match[3],
    );
    const expanded = chosen.replace(/\$\{(\w+)\}/g, (whole, variable) => directories[variable] ?? whole);
    files.set(name, [...(files.get(name) ?? []), ...expanded.split(/\s+/).filter((word) => word !== '')]);
  }
  files.set('-doc', ['/usr/share/man', ...(files.get('-doc') ?? [])]);
  const order =
    /PACKAGE_BEFORE_PN = "(.*)"/
      .exec(text)?.[1]
      ?.split(' ')
      .map((word) => word.replace(/^\$\{PN\}/, '')) ?? [];
  return new Map([...order, '-doc', ''].map((name) => [name, files.get(name) ?? []]));
}

function ownerOf(path: string, packages: ReadonlyMap<string, readonly string[]>): string | undefined {
  for (const [name, patterns] of packages)
    if (patterns.some((pattern) => path.startsWith(`${pattern}/`) || matchesGlob(path, pattern))) return name;
  return undefined;
}

describe('the documentation of the layer', () => {
  const document = textOf('README.md');

  it('describes every variable that the layer reads', () => {
    const files = layerFiles('.bb', '.bbappend', '.bbclass', '.inc');
    const read = new Set(files.flatMap((file) => textOf(file).match(/OPEN_SESAME_[A-Z0-9_]+/g) ?? []));
    const internal = ['OPEN_SESAME_VERSION', 'OPEN_SESAME_LAYERDIR', 'OPEN_SESAME_INIT_PROBLEM'];
    const abbreviated = document.replaceAll('`_UID', '`OPEN_SESAME_UID');
    assert.deepEqual(
      [...read].filter((name) => !internal.includes(name) && !abbreviated.includes(name)),
      [],
    );
  });

  it('is not taken for a pointer to another one by yocto-check-layer', () => {
    assert.doesNotMatch(document, /readme/i);
  });

  it('names kernel fragments that exist', () => {
    const named =
      textOf('conf/distro/include/open-sesame.inc')
        .match(/^OPEN_SESAME_KERNEL_FRAGMENTS.*$/gm)
        ?.join(' ') ?? '';
    const names = ['secret-memory', 'sandbox', 'cgroup-limits', 'tpm', 'raspberry-pi'];
    assert.deepEqual(
      names.filter((name) => !named.includes(name) || !existsSync(join(repository, `kernel-fragments/${name}.cfg`))),
      [],
    );
  });
});
