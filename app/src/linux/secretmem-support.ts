// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { arch, constants, release } from 'node:os';
import { describeErrno } from './libc.ts';

/** What the running kernel tells about itself. */
export interface KernelFacts {
  /** As `uname -r` prints it. */
  readonly release: string;
  /** As Node names it: x64, arm64, … */
  readonly architecture: string;
  /** Of /proc/cmdline; empty when unreadable. */
  readonly commandLine: string;
  /** The text of the kernel's .config, when it is to be had. */
  readonly configuration: string | undefined;
}

export interface MissingMemfdSecret {
  readonly cause: string;
  readonly remedy: string;
}

const general = 'use a kernel of 5.14 or newer with CONFIG_SECRETMEM=y';

/**
 * Why memfd_secret(2) is refused and what brings it, as specific as the facts allow.
 * @param errno what the call answered
 */
export function explainMissingMemfdSecret(errno: number, facts: KernelFacts): MissingMemfdSecret {
  if (errno !== constants.errno.ENOSYS) {
    return {
      cause: `the kernel refuses memfd_secret with ${describeErrno(errno)}, as a sandbox does`,
      remedy: 'allow the system call memfd_secret (447) in the system call filter of this service',
    };
  }
  return (
    tooOld(facts) ??
    notBuiltIn(facts) ??
    switchedOff(facts) ??
    fixedDirectMap(facts) ?? {
      cause: `the kernel ${facts.release} does not know memfd_secret, and does not tell why; an emulator has none either`,
      remedy: `${general}, and secretmem.enable=1 on its command line for 5.14 to 6.4`,
    }
  );
}

function tooOld({ release, architecture }: KernelFacts): MissingMemfdSecret | undefined {
  if (architecture === 'arm') {
    return { cause: 'memfd_secret does not exist on 32-bit ARM', remedy: 'run a 64-bit kernel and system' };
  }
  const version = kernelVersion(release);
  if (version === undefined || version >= kernel(5, 14)) return undefined;
  return { cause: `the kernel ${release} is older than 5.14, which brought memfd_secret`, remedy: general };
}

function notBuiltIn({ configuration, release }: KernelFacts): MissingMemfdSecret | undefined {
  if (configuration === undefined || isSet(configuration, 'CONFIG_SECRETMEM')) return undefined;
  return { cause: `the kernel ${release} was built without CONFIG_SECRETMEM`, remedy: 'build it with CONFIG_SECRETMEM=y' };
}

/** mm/secretmem.c: off unless asked for from 5.14, on unless refused from 6.5. */
function switchedOff({ release, commandLine }: KernelFacts): MissingMemfdSecret | undefined {
  const asked = parameter(commandLine, 'secretmem.enable');
  if (asked !== undefined && /^(0|n|off)/i.test(asked)) {
    return {
      cause: `secretmem.enable=${asked} on the kernel command line switches memfd_secret off`,
      remedy: 'put secretmem.enable=1 there',
    };
  }
  const version = kernelVersion(release);
  if (asked !== undefined || version === undefined || version >= kernel(6, 5)) return undefined;
  return {
    cause: `the kernel ${release} keeps memfd_secret switched off unless told otherwise`,
    remedy: 'add secretmem.enable=1 to the kernel command line',
  };
}

/** arch/arm64/mm/pageattr.c, can_set_direct_map: pages can only leave the direct map where it is mapped page by page. */
function fixedDirectMap({ architecture, commandLine, configuration }: KernelFacts): MissingMemfdSecret | undefined {
  if (architecture !== 'arm64') return undefined;
  const rodata = parameter(commandLine, 'rodata');
  if (rodata !== undefined && rodata !== 'full') {
    return {
      cause: `rodata=${rodata} on the kernel command line fixes the direct map, so no page can be taken out of it`,
      remedy: 'remove rodata= from the kernel command line',
    };
  }
  if (configuration === undefined || rodata === 'full' || isSet(configuration, 'CONFIG_RODATA_FULL_DEFAULT_ENABLED')) {
    return undefined;
  }
  return {
    cause: 'the kernel was built without CONFIG_RODATA_FULL_DEFAULT_ENABLED, so no page can be taken out of the direct map',
    remedy: 'build it with CONFIG_RODATA_FULL_DEFAULT_ENABLED=y or add rodata=full to its command line',
  };
}

function isSet(configuration: string, option: string): boolean {
  return new RegExp(`^${option}=y$`, 'm').test(configuration);
}

/** The last value of a parameter on the kernel command line: that is the one which counts. */
function parameter(commandLine: string, name: string): string | undefined {
  const setting = commandLine.split(/\s+/).findLast((word) => word.startsWith(`${name}=`));
  return setting?.slice(name.length + 1);
}

function kernel(major: number, minor: number): number {
  return major * 1000 + minor;
}

function kernelVersion(release: string): number | undefined {
  const match = /^(\d+)\.(\d+)/.exec(release);
  return match === null ? undefined : kernel(Number(match[1]), Number(match[2]));
}

/** Asks the running kernel. What it does not show is left open. */
export function readKernelFacts(): KernelFacts {
  return {
    release: release(),
    architecture: arch(),
    commandLine: readIfPossible('/proc/cmdline')?.toString().trim() ?? '',
    configuration: readConfiguration(),
  };
}

function readConfiguration(): string | undefined {
  const packed = readIfPossible('/proc/config.gz');
  // Imported, zlib would cost every daemon 0.4 MB for a case that hardly any of them meets.
  if (packed !== undefined) return process.getBuiltinModule('node:zlib').gunzipSync(packed).toString();
  return readIfPossible(`/boot/config-${release()}`)?.toString();
}

function readIfPossible(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    // Whatever the reason, the answer is the same: the kernel does not show this.
    return undefined;
  }
}
