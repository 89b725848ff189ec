// SPDX-License-Identifier: MIT
import { readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import type { Configuration } from '../../config/configuration.ts';
import type { Paths } from '../../config/paths.ts';
import { keepCapabilities, overrideFileModes } from '../../linux/capabilities.ts';
import { ensureDirectory } from '../../linux/files.ts';
import { readKernelFacts } from '../../linux/kernel-facts.ts';
import { landlockAbi, oldestLandlock, type PathRule, restrictAccess } from '../../linux/landlock.ts';
import { forbidNewPrivileges } from '../../linux/process.ts';
import { explainMissingLandlock, explainMissingSeccomp } from '../../linux/sandbox-support.ts';
import type { DaemonName } from '../daemon-name.ts';
import { deviceTransport, isEmulated } from './emulated-tpm.ts';
import { filterCalls } from './filter.ts';
import { accesses, type Place, type Privilege, pathsOf, privilegesOf } from './privileges.ts';
import type { Enforcement, SandboxReport } from './report.ts';
import type { Circumstances } from './system-calls.ts';

const superuser = 0;

type FoundPlaces = Readonly<Record<Place, readonly string[]>>;

export interface Confinement {
  readonly daemon: DaemonName;
  readonly paths: Paths;
  readonly configuration: Configuration;
  readonly environment: NodeJS.ProcessEnv;
  /** The file that becomes the daemon. */
  readonly program: string;
}

/**
 * Takes from this process what the daemon does not need: stage 0, before there is a daemon. Landlock holds for the calling thread, so that
 * only what this process becomes has it on all of its threads.
 * @throws SesameError storage-read-only, storage-full, storage-failed when a directory of the daemon is missing and cannot be made
 */
export function confine(confinement: Confinement): SandboxReport {
  const { daemon, paths, configuration, environment } = confinement;
  const privileges = privilegesOf(daemon);
  const places = findPlaces(confinement);
  makeDirectories(privileges, places, paths.mode);
  forbidNewPrivileges();
  keepCapabilities(belongToOthers(privileges, places) ? [overrideFileModes] : []);
  const emulatedTpm = isEmulated(configuration.global.tpm.tcti);
  const landlock = restrict(rulesOf(privileges, places), emulatedTpm, environment);
  return { landlock, seccomp: filter({ daemon, phase: 'starting', emulatedTpm, pid: process.pid }) };
}

/** A rule needs its directory, so that what the daemon would make at its start has to be there before. */
function makeDirectories(privileges: readonly Privilege[], places: FoundPlaces, mode: Paths['mode']): void {
  for (const privilege of privileges) {
    if (privilege.mode === undefined) continue;
    for (const path of pathsOf(privilege, places)) ensureDirectory(path, privilege.mode[mode]);
  }
}

/**
 * Whether something that the daemon needs belongs to another user. A daemon that root starts by hand, on a device whose directories are those of
 * the services, or with a TPM that is another user's, reads them as root does.
 */
function belongToOthers(privileges: readonly Privilege[], places: FoundPlaces): boolean {
  const own = process.getuid?.();
  return privileges
    .flatMap((privilege) => pathsOf(privilege, places))
    .some((path) => ![own, superuser, undefined].includes(statSync(path, { throwIfNoEntry: false })?.uid));
}

function findPlaces({ paths, configuration, environment, program }: Confinement): FoundPlaces {
  const { socket_path: socketPath } = configuration.global.ipc;
  const { tcti } = configuration.global.tpm;
  const heartbeat = environment['PDS_HEARTBEAT_FILE'];
  return {
    configuration: [paths.configuration, ...(paths.systemConfiguration === undefined ? [] : [paths.systemConfiguration])],
    state: [paths.state],
    runtime: [paths.runtime],
    socket: [socketPath === undefined ? paths.runtime : dirname(socketPath)],
    heartbeat: heartbeat === undefined || heartbeat === '' ? [] : [heartbeat],
    tpm: isEmulated(tcti) ? [] : [tcti.slice(deviceTransport.length)],
    program: [dirname(program)],
    node: [process.execPath],
    loader: loaders(),
    kernelConfiguration: [`/boot/config-${release()}`],
  };
}

/** The kernel starts a program by starting the dynamic loader that it names; this process has it mapped. */
function loaders(): string[] {
  const mapped = readFileSync('/proc/self/maps', 'utf8').matchAll(/ (\/\S*\/ld[^/\s]*\.so[^/\s]*)$/gm);
  return [...new Set([...mapped].map(([, path = '']) => path))];
}

function rulesOf(privileges: readonly Privilege[], places: FoundPlaces): PathRule[] {
  return privileges.flatMap((privilege) =>
    pathsOf(privilege, places).map((path) => ({ path, allow: accesses[privilege.access] })),
  );
}

function restrict(rules: readonly PathRule[], tcp: boolean, environment: NodeJS.ProcessEnv): Enforcement {
  const { abi, errno } = landlockAbi();
  if (errno !== 0 || abi < oldestLandlock) {
    return { state: 'missing', ...explainMissingLandlock(errno, abi, readKernelFacts()) };
  }
  // systemd may listen on an abstract socket, for instance in a container.
  const abstractSockets = environment['NOTIFY_SOCKET']?.startsWith('@') ?? false;
  const refused = restrictAccess(abi, rules, { abstractSockets, tcp });
  if (refused !== 0) return { state: 'missing', ...explainMissingLandlock(refused, abi, readKernelFacts()) };
  return { state: 'enforced', abi };
}

function filter(circumstances: Circumstances): Enforcement {
  const errno = filterCalls(circumstances);
  return errno === 0 ? { state: 'enforced' } : { state: 'missing', ...explainMissingSeccomp(errno, readKernelFacts()) };
}
