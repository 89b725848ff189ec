// SPDX-License-Identifier: MIT
// Preloaded by Node for the tests: keeps what it made of each TypeScript file. Every test file is a process of its own, which would take the
// types out of the same files again; that is half of what a short one takes.
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const kept = join(import.meta.dirname, '../.cache/stripped', process.version);
mkdirSync(kept, { recursive: true });

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context);
    return { format: 'module', source: withoutTypes(readFileSync(fileURLToPath(url), 'utf8')), shortCircuit: true };
  },
});

function withoutTypes(text) {
  const path = join(kept, hash('sha256', text));
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (thrown.code !== 'ENOENT') throw thrown;
  }
  const stripped = stripTypeScriptTypes(text);
  // Several processes may get here at once.
  writeFileSync(`${path}.${process.pid}`, stripped);
  renameSync(`${path}.${process.pid}`, path);
  return stripped;
}
