// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { arch, release } from 'node:os';

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

/** Why the kernel does not offer something, and what brings it. */
export interface Missing {
  readonly cause: string;
  readonly remedy: string;
}

/** Whether an option of the kernel's .config is built in. */
export function isSet(configuration: string, option: string): boolean {
  return new RegExp(`^${option}=y$`, 'm').test(configuration);
}

/** The last value of a parameter on the kernel command line: that is the one which counts. */
export function parameter(commandLine: string, name: string): string | undefined {
  const setting = commandLine.split(/\s+/).findLast((word) => word.startsWith(`${name}=`));
  return setting?.slice(name.length + 1);
}

/** A version that compares as a number does. */
export function kernel(major: number, minor: number): number {
  return major * 1000 + minor;
}

export function kernelVersion(release: string): number | undefined {
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
