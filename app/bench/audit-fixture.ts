// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditAction } from '../src/audit/action.ts';
import { AuditLog } from '../src/audit/log.ts';
import { systemClock } from '../src/core/clock.ts';
import { RecordingLogger } from '../src/core/log.ts';
import type { ChainHash } from '../src/crypto/derive.ts';
import { openSecretMemory } from '../src/memory/secret-memory.ts';

const memory = openSecretMemory();

/** An entry as daemon-secrets reports it for a read. */
export const action: AuditAction = {
  SecretOperationAudited: {
    action: 'get',
    profile: 'device',
    key: 'mqtt/password',
    requester: '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
    requester_name: 'telemetry',
    outcome: 'success',
  },
};

/** A log that is never rotated. */
export function openLog(directory: string, hash: ChainHash): AuditLog {
  return AuditLog.open({
    path: join(directory, 'audit.jsonl'),
    headPath: join(directory, 'audit.head'),
    keyPath: join(directory, 'audit.key'),
    memory,
    hash,
    clock: systemClock,
    logger: new RecordingLogger(),
    maxBytes: Number.MAX_SAFE_INTEGER,
    maxFiles: 2,
    bootId: '00000000-0000-0000-0000-000000000000',
  });
}

/** Runs with a directory and removes it afterwards. */
export async function withDirectory<Result>(use: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'open-sesame-audit-'));
  try {
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
