// SPDX-License-Identifier: MIT
import type { Right } from '../../linux/landlock.ts';
import { type DaemonName, daemonNames } from '../daemon-name.ts';

/** What a daemon may do with a path, and with everything below it when it is a directory. */
export const accesses = {
  /** Nothing but read. */
  read: ['readFile', 'readDirectory'],
  /** Become this program. */
  run: ['readFile', 'execute'],
  /** Write what is there already. */
  write: ['readFile', 'writeFile'],
  /** Make, write, rename and remove files. */
  maintain: ['readFile', 'readDirectory', 'writeFile', 'truncate', 'makeFile', 'removeFile', 'refer'],
  /** The same with directories. */
  arrange: [
    'readFile',
    'readDirectory',
    'writeFile',
    'truncate',
    'makeFile',
    'removeFile',
    'refer',
    'makeDirectory',
    'removeDirectory',
  ],
  /** Make and remove sockets. */
  listen: ['makeSocket', 'removeFile'],
} as const satisfies Record<string, readonly Right[]>;

export type Access = keyof typeof accesses;

/**
 * Directories and files that the configuration, the environment or the installation name, as they stand in braces in the table; and where
 * each is on a device, for the service files and the documentation.
 */
export const places = {
  configuration: '/etc/pds',
  state: '/var/lib/pds',
  runtime: '/run/pds',
  /** Of `global.ipc.socket_path`. */
  socket: '/run/pds',
  /** PDS_HEARTBEAT_FILE. */
  heartbeat: '/run/open-sesame/NAME.alive',
  /** Of `global.tpm.tcti`. */
  tpm: '/dev/tpmrm0',
  program: '/usr/lib/open-sesame/lib',
  node: '/usr/lib/open-sesame/lib/node',
  kernelConfiguration: '/boot/config-RELEASE',
  /** The dynamic loader that Node names. */
  loader: '/lib/ld-linux-*.so.*',
} as const;

export type Place = keyof typeof places;

export interface Privilege {
  /** Absolute, or a place in braces and perhaps a path below it. */
  readonly path: string;
  readonly access: Access;
  readonly daemons: readonly DaemonName[];
  readonly why: string;
  /** Modes of a directory that the daemon makes when it is missing: of a service, and of one person's own. */
  readonly mode?: { readonly system: number; readonly user: number };
}

const [profile, secrets] = daemonNames;
const both = daemonNames;

/**
 * Which files, devices and sockets each daemon needs; whatever is not here is refused. The rules of the sandbox, the service files and the
 * table in SECURITY.md are made from it (`npm run fix`). A later line adds to an earlier one of the same path.
 */
export const privileges: readonly Privilege[] = [
  { path: '{configuration}', access: 'read', daemons: both, why: 'the settings' },
  {
    path: '{state}',
    access: 'maintain',
    daemons: [profile],
    why: 'audit chain, installation and profiles',
    mode: { system: 0o750, user: 0o700 },
  },
  { path: '{state}', access: 'read', daemons: [secrets], why: 'the rules that `init` wrote' },
  {
    path: '{state}/vaults',
    access: 'arrange',
    daemons: [secrets],
    why: 'vaults and factors',
    mode: { system: 0o700, user: 0o700 },
  },
  {
    path: '{runtime}',
    access: 'maintain',
    daemons: [profile],
    why: 'the key of the bus',
    mode: { system: 0o755, user: 0o700 },
  },
  {
    path: '{runtime}/keys',
    access: 'read',
    daemons: [profile],
    why: 'public keys of the daemons',
    mode: { system: 0o700, user: 0o700 },
  },
  { path: '{socket}', access: 'listen', daemons: [profile], why: 'the socket of the bus' },
  { path: '{runtime}', access: 'listen', daemons: [profile], why: 'the socket of credentials, for systemd' },
  { path: '{runtime}', access: 'read', daemons: [secrets], why: 'the public key of the bus' },
  {
    path: '{runtime}/keys',
    access: 'maintain',
    daemons: [secrets],
    why: 'its own key on the bus',
    mode: { system: 0o700, user: 0o700 },
  },
  { path: '{tpm}', access: 'write', daemons: [secrets], why: 'the TPM' },
  {
    path: '/sys/kernel/security/tpm0/binary_bios_measurements',
    access: 'read',
    daemons: [secrets],
    why: 'what the firmware measured',
  },
  { path: '{heartbeat}', access: 'write', daemons: both, why: 'signs of life for OpenRC, runit and busybox' },
  { path: '{program}', access: 'read', daemons: both, why: 'the program and its native modules' },
  { path: '{node}', access: 'run', daemons: both, why: 'becoming the daemon, at the start only' },
  { path: '{loader}', access: 'run', daemons: both, why: 'becoming the daemon, at the start only' },
  ...['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib'].map(
    (path): Privilege => ({ path, access: 'read', daemons: both, why: 'shared libraries' }),
  ),
  { path: '/etc/ld.so.cache', access: 'read', daemons: both, why: 'where shared libraries are' },
  { path: '/etc/ssl/openssl.cnf', access: 'read', daemons: both, why: 'Node reads it at its start' },
  { path: '/etc/localtime', access: 'read', daemons: both, why: 'the time zone' },
  { path: '/etc/passwd', access: 'read', daemons: both, why: 'names of users in the configuration' },
  { path: '/etc/group', access: 'read', daemons: both, why: 'names of groups in the configuration' },
  { path: '/proc', access: 'read', daemons: both, why: 'the boot, own limits, the service of a client' },
  { path: '{kernelConfiguration}', access: 'read', daemons: both, why: 'why the kernel lacks secret memory' },
  { path: '/sys/fs/cgroup', access: 'read', daemons: both, why: 'limits of memory and processors' },
  { path: '/dev/null', access: 'write', daemons: both, why: 'in reserve for a connection more than there are descriptors' },
  { path: '/dev/zero', access: 'read', daemons: both, why: 'reading in secret memory' },
  { path: '/dev/urandom', access: 'read', daemons: both, why: 'SQLCipher' },
];

export function privilegesOf(daemon: DaemonName): Privilege[] {
  return privileges.filter(({ daemons }) => daemons.includes(daemon));
}

/** The path of a privilege with its place put in; several where a place is several directories, none where there is none. */
export function pathsOf({ path }: Pick<Privilege, 'path'>, found: Readonly<Record<Place, readonly string[]>>): string[] {
  for (const place of Object.keys(places).filter(isPlace)) {
    const brace = `{${place}}`;
    if (path.startsWith(brace)) return found[place].map((directory) => `${directory}${path.slice(brace.length)}`);
  }
  return [path];
}

function isPlace(name: string): name is Place {
  return Object.hasOwn(places, name);
}
