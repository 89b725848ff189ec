// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Configuration } from '../../src/config/configuration.ts';
import { type Diagnostic, formatDiagnostic } from '../../src/config/diagnostics.ts';
import { type Document, parseDocument } from '../../src/config/document.ts';
import { type Reading, readConfiguration } from '../../src/config/load.ts';
import type { Paths } from '../../src/config/paths.ts';
import { temporaryDirectory } from '../support/directory.ts';

/** Files by their path below `etc/` (the configuration), `state/` or `system/`. */
export type Files = Readonly<Record<string, string | Buffer>>;

/** A place for configurations, removed when the suite around the call has ended. */
export class Workplace {
  readonly #root = temporaryDirectory();

  /** New directories with these files. With a file below `system/` the reader is an ordinary user. */
  write(files: Files): Paths {
    const home = mkdtempSync(join(this.#root, 'home-'));
    for (const directory of ['etc', 'state', 'run']) mkdirSync(join(home, directory));
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(home, name)), { recursive: true });
      writeFileSync(join(home, name), content);
    }
    const isUser = Object.keys(files).some((name) => name.startsWith('system/'));
    return {
      configuration: join(home, 'etc'),
      state: join(home, 'state'),
      runtime: join(home, 'run'),
      mode: isUser ? 'user' : 'system',
      systemConfiguration: isUser ? join(home, 'system') : undefined,
    };
  }

  read(files: Files): Reading {
    return readConfiguration(this.write(files));
  }

  /** The configuration of these files, which must be free of errors. */
  load(files: Files): Configuration {
    const { configuration, diagnostics } = this.read(files);
    assert.ok(configuration !== undefined, diagnostics.map(formatDiagnostic).join('\n'));
    return configuration;
  }

  /** What is said about a config.toml: `line:column severity problem; remedy`. */
  diagnose(text: string): string[] {
    return this.read({ 'etc/config.toml': text }).diagnostics.map(brief);
  }
}

/** A diagnostic without the path of its file. */
export function brief({ severity, line, column, problem, remedy }: Diagnostic): string {
  return `${line}:${column} ${severity} ${problem}; ${remedy}`;
}

/** A text as a document, which it must be. */
export function documentOf(text: string, file = 'config.toml'): Document {
  const document = parseDocument(file, Buffer.from(text));
  assert.ok(!('severity' in document), 'severity' in document ? formatDiagnostic(document) : '');
  return document;
}
