// SPDX-License-Identifier: MIT
// Which file of a build belongs to which part of the release. A part is a tree as it lies on the device: installing is copying.
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Everything of ours on a device; `lib/node` in it is a link to the Node that the image has, made when it is installed. */
const home = 'usr/lib/open-sesame';

/** What both daemons start with. */
const shared = ['sandbox.cjs'];

/** Programs, and the part that each is. */
const programs = { 'daemon-profile': 'profile', 'daemon-secrets': 'secrets', sesame: 'cli' };

/** Where the folders of app/init/NAME go. */
const initPlaces = {
  openrc: { 'init.d': 'etc/init.d', 'conf.d': 'etc/conf.d', lib: `${home}/openrc` },
  systemd: {
    system: 'usr/lib/systemd/system',
    user: 'usr/lib/systemd/user',
    'tmpfiles.d': 'usr/lib/tmpfiles.d',
    'sysusers.d': 'usr/lib/sysusers.d',
  },
  sysvinit: { 'init.d': 'etc/init.d' },
  busybox: { 'init.d': 'etc/init.d', lib: `${home}/busybox` },
  runit: { sv: 'etc/sv', lib: `${home}/runit` },
  supervision: { default: 'etc/default', lib: `${home}/supervision` },
};

/** Those that cannot do what `supervision` does for them. */
const supervised = ['sysvinit', 'busybox', 'runit'];

/**
 * Lays the parts out below a directory, one folder a part.
 * @param build what tools/build.mjs --release made
 * @throws TypeError when a folder of app/init has no known place on a device
 */
export function layOutParts({ root, build, parts }) {
  const put = (part, from, to) => {
    const place = join(parts, part, to);
    mkdirSync(dirname(place), { recursive: true });
    cpSync(from, place, { recursive: true, filter: (path) => !path.endsWith('/README.md') });
  };
  putPrograms({ build, parts, put });
  mkdirSync(join(parts, 'cli/usr/bin'), { recursive: true });
  symlinkSync('../lib/open-sesame/bin/sesame', join(parts, 'cli/usr/bin/sesame'));
  put('doc', join(build, 'share/man'), 'usr/share/man');
  for (const shell of ['bash-completion', 'zsh', 'fish'])
    put('completion', join(build, 'share', shell), join('usr/share', shell));
  put('config', join(root, 'app/etc/config.toml'), 'etc/pds/config.toml');
  for (const name of foldersOf(join(root, 'app/init'))) {
    if (name === 'update-hooks') put(name, join(root, 'app/init', name), `${home}/update-hooks`);
    else for (const init of name === 'supervision' ? supervised : [name]) putServices({ root, parts, name, init, put });
  }
}

function foldersOf(directory) {
  const folders = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map(({ name }) => name).sort();
}

/** A native module goes with the one program that loads it, or to the part `common`. */
function putPrograms({ build, parts, put }) {
  const lib = readdirSync(join(build, 'lib'), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
  for (const name of shared) put('common', join(build, 'lib', name), `${home}/lib/${name}`);
  const users = new Map();
  for (const [program, part] of Object.entries(programs)) {
    put(part, join(build, 'bin', program), `${home}/bin/${program}`);
    for (const name of lib.filter((file) => file.startsWith(`${program}.`) || file.startsWith(`${program}-`))) {
      put(part, join(build, 'lib', name), `${home}/lib/${name}`);
      for (const [, module] of readFileSync(join(build, 'lib', name), 'latin1').matchAll(/\/native\/([\w.-]+\.node)/g))
        users.set(module, [...(users.get(module) ?? []), part]);
    }
  }
  for (const module of readdirSync(join(build, 'lib/native'))) {
    const owners = new Set(users.get(module));
    if (owners.size === 0) throw new TypeError(`no program loads ${module}`);
    const [part] = owners.size === 1 ? owners : ['common'];
    put(part, join(build, 'lib/native', module), `${home}/lib/native/${module}`);
    // As linkers mark them: image systems look for shared objects among what may be executed.
    chmodSync(join(parts, part, home, 'lib/native', module), 0o755);
  }
}

/** runsv(8) keeps its state beside the scripts, where a root file system may be read-only; through a link it is in memory. */
function linkSupervision(source, placeOf) {
  for (const script of readdirSync(source, { recursive: true }).filter((path) => basename(path) === 'run')) {
    const [, ...names] = dirname(script).split('/');
    symlinkSync(`/run/runit/supervise.${names.join('.')}`, placeOf(join(...names, 'supervise')));
  }
}

/** The folders of app/init/NAME, to the part of an init system. */
function putServices({ root, parts, name, init, put }) {
  const source = join(root, 'app/init', name);
  for (const folder of foldersOf(source)) {
    const place = initPlaces[name]?.[folder];
    if (place === undefined) throw new TypeError(`tools/dist/parts.mjs does not say where app/init/${name}/${folder} goes`);
    put(`init-${init}`, join(source, folder), place);
    if (name === 'runit' && folder === 'sv') linkSupervision(source, (path) => join(parts, `init-${init}`, place, path));
  }
}
