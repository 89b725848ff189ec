// SPDX-License-Identifier: MIT
import { stringify } from 'smol-toml';
import type { Configuration } from './configuration.ts';
import type { Place } from './diagnostics.ts';
import { formatKey } from './keys.ts';

/**
 * The configuration in force as TOML, every default written out.
 * @param originOf where a setting is written; each that has such a place is followed by it as a comment
 */
export function renderEffective(
  configuration: Configuration,
  originOf: (path: readonly string[]) => Place | undefined = () => undefined,
): string {
  return `${renderTable(configuration, [], originOf).join('\n').trim()}\n`;
}

/** Settings first, then tables: whatever follows a header belongs to it. */
function renderTable(table: object, path: readonly string[], originOf: (path: readonly string[]) => Place | undefined): string[] {
  const members = Object.entries(table).filter(([, value]: [string, unknown]) => value !== undefined);
  const settings = members
    .filter(([, value]: [string, unknown]) => !isObject(value))
    .map(([name, value]: [string, unknown]) => {
      const place = originOf([...path, name]);
      const comment = place === undefined ? '' : ` # ${place.file}:${place.line}`;
      return `${stringify({ [name]: value }).trimEnd()}${comment}`;
    });
  const tables = members.flatMap(([name, value]: [string, unknown]) =>
    isObject(value) ? renderTable(value, [...path, name], originOf) : [],
  );
  if (settings.length === 0) return tables;
  return [...(path.length === 0 ? [] : [`[${formatKey(path)}]`]), ...settings, '', ...tables];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
