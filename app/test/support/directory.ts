// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** An empty directory that is removed when the suite around the call has ended. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'open-sesame-test-'));
  after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
