// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const layer = join(import.meta.dirname, '..');
export const repository = join(layer, '..');

export function textOf(...path: readonly string[]): string {
  return readFileSync(join(layer, ...path), 'utf8');
}

/** Files of the layer with one of the endings, as paths from it. */
export function layerFiles(...endings: readonly string[]): string[] {
  return readdirSync(layer, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.startsWith('test/') && endings.some((ending) => path.endsWith(ending)))
    .sort();
}

/** Runs Python on the layer's own modules. */
export function python(script: string, ...words: readonly string[]): string {
  const environment = { ...process.env, PYTHONPATH: join(layer, 'lib'), PYTHONDONTWRITEBYTECODE: '1' };
  const { status, stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', script, ...words], {
    env: environment,
    encoding: 'utf8',
  });
  if (status !== 0) throw new TypeError(stderr);
  return stdout;
}
