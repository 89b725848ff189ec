// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** One option that a fragment names. */
interface Named {
  /** Without CONFIG_. */
  readonly option: string;
  /** The comment above it: what is lost without it, and which kernels have it. */
  readonly reason: string;
  /** File and line. */
  readonly place: string;
}

/**
 * What fragments say of a kernel that its source says otherwise, a sentence each: options that no Kconfig file defines, which a built
 * kernel would be without unnoticed where they are to be off, and options that exist although the fragment keeps them from this version.
 * @param source directory of a kernel source
 * @param files paths of fragments
 */
export function mistakesAbout(source: string, files: readonly string[]): string[] {
  const version = versionOf(source);
  const defined = definedOptions(source);
  return files.flatMap(namedOptions).flatMap(({ option, reason, place }) => {
    const concerned = isAtLeast(version, bound(reason, 'since')) && isAtLeast(bound(reason, 'until'), version);
    if (concerned === defined.has(option)) return [];
    return [`${place}: Linux ${version} ${concerned ? 'does not define' : 'does define'} ${option}`];
  });
}

function namedOptions(file: string): Named[] {
  const named: Named[] = [];
  let reason = '';
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const option = /^(?:# )?CONFIG_(\w+)(?:=| is not set$)/.exec(line)?.[1];
    if (option !== undefined) named.push({ option, reason, place: `${basename(file)}:${index + 1}` });
    reason = option === undefined && line.startsWith('#') ? `${reason} ${line}` : '';
  }
  return named;
}

/** The kernel that a reason names: "since Linux 6.2", "until Linux 6.17". */
function bound(reason: string, word: 'since' | 'until'): string | undefined {
  return new RegExp(`${word} Linux (\\d+\\.\\d+)`).exec(reason)?.[1];
}

/** A version that is not there bounds nothing. */
function isAtLeast(version: string | undefined, other: string | undefined): boolean {
  if (version === undefined || other === undefined) return true;
  const [[major = 0, minor = 0], [otherMajor = 0, otherMinor = 0]] = [numbers(version), numbers(other)];
  return major > otherMajor || (major === otherMajor && minor >= otherMinor);
}

function numbers(version: string): number[] {
  return version.split('.').map(Number);
}

function versionOf(source: string): string {
  const makefile = readFileSync(join(source, 'Makefile'), 'utf8');
  const part = (name: string) => new RegExp(`^${name} = (\\d+)$`, 'm').exec(makefile)?.[1];
  return `${part('VERSION')}.${part('PATCHLEVEL')}`;
}

function definedOptions(source: string): ReadonlySet<string> {
  const files = readdirSync(source, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name.startsWith('Kconfig'),
  );
  const texts = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
  return new Set(texts.flatMap((text) => [...text.matchAll(/^\s*(?:menu)?config (\w+)\s*$/gm)].map(([, option = '']) => option)));
}
