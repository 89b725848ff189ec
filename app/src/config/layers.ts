// SPDX-License-Identifier: MIT
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, SesameError, systemErrorCode } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';
import { type Diagnostic, diagnose, type Severity, startOf } from './diagnostics.ts';
import { type Document, longestConfiguration, parseDocument } from './document.ts';
import type { Paths } from './paths.ts';
import { accessRulesOnly } from './rules.ts';

/** The access rules that `init` wrote: below everything a person writes. */
export const rulesFile = 'rules.toml';
export const policyFile = 'policy.toml';
export const settingsFile = 'config.toml';
export const fragmentDirectory = 'config.d';

/** All files as far as they exist. */
export interface Layers {
  /** The files that hold settings, lowest layer first. */
  readonly layers: readonly Document[];
  /** The file that locks settings: the system's, also for a user. */
  readonly policy: Document | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export function readLayers({ configuration, systemConfiguration, state }: Paths): Layers {
  const reader = new LayerReader();
  const policy = reader.read(join(systemConfiguration ?? configuration, policyFile), 'error');
  const layers = [
    reader.readRules(join(state, rulesFile)),
    // The system may keep its settings from its users: then theirs hold without.
    ...(systemConfiguration === undefined ? [] : reader.readDirectory(systemConfiguration, 'warning')),
    ...reader.readDirectory(configuration, 'error'),
  ];
  return { layers: layers.filter((layer) => layer !== undefined), policy, diagnostics: reader.diagnostics };
}

/** Reads files that may be absent, and collects what is wrong with them. */
class LayerReader {
  readonly diagnostics: Diagnostic[] = [];
  #length = 0;

  /** @param unreadable how serious it is that a file is there and cannot be read */
  readDirectory(directory: string, unreadable: Severity): (Document | undefined)[] {
    const fragments = this.#fragments(join(directory, fragmentDirectory), unreadable);
    return [join(directory, settingsFile), ...fragments].map((file) => this.read(file, unreadable));
  }

  readRules(file: string): Document | undefined {
    const rules = this.read(file, 'error');
    if (rules === undefined) return undefined;
    const { document, diagnostics } = accessRulesOnly(rules);
    this.diagnostics.push(...diagnostics);
    return document;
  }

  read(file: string, unreadable: Severity): Document | undefined {
    const bytes = this.#bytesOf(file, unreadable);
    if (bytes === undefined) return undefined;
    this.#length += bytes.length;
    if (this.#length > longestConfiguration) {
      const problem = `with this file the configuration is longer than ${longestConfiguration} bytes`;
      this.diagnostics.push(diagnose('error', startOf(file), problem, 'shorten it: the daemons could not hold it'));
      return undefined;
    }
    const document = parseDocument(file, bytes);
    if (!('severity' in document)) return document;
    this.diagnostics.push(document);
    return undefined;
  }

  #bytesOf(file: string, unreadable: Severity): Buffer | undefined {
    try {
      return readBounded(file, longestConfiguration);
    } catch (thrown) {
      if (!(thrown instanceof SesameError)) throw thrown;
      this.diagnostics.push(unusable(file, unreadable, thrown));
      return undefined;
    }
  }

  #fragments(directory: string, unreadable: Severity): string[] {
    try {
      return readdirSync(directory)
        .filter((name) => name.endsWith('.toml') && !name.startsWith('.'))
        .sort()
        .map((name) => join(directory, name));
    } catch (thrown) {
      if (systemErrorCode(thrown) === 'ENOENT') return [];
      const remedy = 'make it a directory that the daemons can read, or remove it';
      this.diagnostics.push(diagnose(unreadable, startOf(directory), `it cannot be read: ${describe(thrown)}`, remedy));
      return [];
    }
  }
}

function unusable(file: string, unreadable: Severity, error: SesameError): Diagnostic {
  if (error.code === 'file-unreadable') {
    const problem = `it cannot be read: ${error.parameters['cause']}`;
    return diagnose(unreadable, startOf(file), problem, 'let the daemons read it, or remove it');
  }
  const problem = `it cannot be used: ${error.parameters['reason']}`;
  return diagnose(
    'error',
    startOf(file),
    problem,
    `put a text file of at most ${longestConfiguration} bytes there, or remove it`,
  );
}
