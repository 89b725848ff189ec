// SPDX-License-Identifier: MIT
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, SesameError, systemErrorCode } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';
import { type Diagnostic, diagnose, type Severity, startOf } from './diagnostics.ts';
import { type Document, longestFile, parseDocument } from './document.ts';
import type { Paths } from './paths.ts';

/** What `init` and the device itself wrote: below everything a person writes. */
export const rulesFile = 'rules.toml';
export const policyFile = 'policy.toml';
export const settingsFile = 'config.toml';
export const fragmentDirectory = 'config.d';

/** The file that locks settings: the system's, also for a user. */
export function policyPath({ configuration, systemConfiguration }: Paths): string {
  return join(systemConfiguration ?? configuration, policyFile);
}

/** The files that hold settings, those that exist, lowest layer first. What is wrong with them is added to the diagnostics. */
export function readLayers({ configuration, systemConfiguration, state }: Paths, diagnostics: Diagnostic[]): Document[] {
  // The system may keep its settings from its users: then theirs hold without.
  const system = systemConfiguration === undefined ? [] : readDirectory(systemConfiguration, 'warning', diagnostics);
  const documents = [readDocument(join(state, rulesFile), 'error', diagnostics), ...system];
  return [...documents, ...readDirectory(configuration, 'error', diagnostics)].filter((document) => document !== undefined);
}

/**
 * Reads a file that may be absent. What is wrong with it becomes a diagnostic.
 * @param unreadable how serious it is that the file is there and cannot be read
 */
export function readDocument(file: string, unreadable: Severity, diagnostics: Diagnostic[]): Document | undefined {
  let bytes: Buffer | undefined;
  try {
    bytes = readBounded(file, longestFile);
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
    diagnostics.push(unusable(file, unreadable, thrown));
    return undefined;
  }
  if (bytes === undefined) return undefined;
  const document = parseDocument(file, bytes);
  if (!('severity' in document)) return document;
  diagnostics.push(document);
  return undefined;
}

function readDirectory(directory: string, unreadable: Severity, diagnostics: Diagnostic[]): (Document | undefined)[] {
  const files = [join(directory, settingsFile), ...fragments(join(directory, fragmentDirectory), unreadable, diagnostics)];
  return files.map((file) => readDocument(file, unreadable, diagnostics));
}

function fragments(directory: string, unreadable: Severity, diagnostics: Diagnostic[]): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.toml') && !name.startsWith('.'))
      .sort()
      .map((name) => join(directory, name));
  } catch (thrown) {
    if (systemErrorCode(thrown) === 'ENOENT') return [];
    const remedy = 'make it a directory that the daemons can read, or remove it';
    diagnostics.push(diagnose(unreadable, startOf(directory), `it cannot be read: ${describe(thrown)}`, remedy));
    return [];
  }
}

function unusable(file: string, unreadable: Severity, error: SesameError): Diagnostic {
  if (error.code === 'file-unreadable') {
    const problem = `it cannot be read: ${error.parameters['cause']}`;
    return diagnose(unreadable, startOf(file), problem, 'let the daemons read it, or remove it');
  }
  const problem = `it cannot be used: ${error.parameters['reason']}`;
  return diagnose('error', startOf(file), problem, `put a text file of at most ${longestFile} bytes there, or remove it`);
}
