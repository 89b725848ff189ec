// SPDX-License-Identifier: MIT
import { stringify } from 'smol-toml';
import type { Configuration } from './configuration.ts';

/** The configuration in force as TOML, every default written out. */
export function renderEffective(configuration: Configuration): string {
  return stringify(configuration);
}
