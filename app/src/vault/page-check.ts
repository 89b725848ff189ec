// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { Connection } from './database.ts';

/**
 * Reads every page that is in use, so that each one's HMAC is verified, and checks that the index agrees with the table.
 * @throws SesameError vault-damaged with what was found first
 */
export function checkPages(connection: Connection, path: string): void {
  const finding = connection.pragma('integrity_check(1)', { simple: true });
  if (finding !== 'ok') throw SesameError.of('vault-damaged', { path, reason: String(finding) });
}
