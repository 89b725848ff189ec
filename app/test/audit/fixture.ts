// SPDX-License-Identifier: MIT
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditAction } from '../../src/audit/action.ts';
import { AuditLog, type AuditLogOptions } from '../../src/audit/log.ts';
import { type AuditReport, verifyChain } from '../../src/audit/verify.ts';
import { ManualClock } from '../../src/core/clock.ts';
import { RecordingLogger } from '../../src/core/log.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';

export const memory = openSecretMemory();

export const requester = '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b';

/** An action as daemon-secrets reports it. */
export function operation(key: string | null = 'mqtt/password', action = 'get'): AuditAction {
  return {
    SecretOperationAudited: { action, profile: 'device', key, requester, requester_name: 'telemetry', outcome: 'success' },
  };
}

/** A log in a directory of its own. */
export class LogFixture {
  readonly directory: string;
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly logger = new RecordingLogger();

  constructor(directory = mkdtempSync(join(tmpdir(), 'open-sesame-audit-'))) {
    this.directory = directory;
  }

  get path(): string {
    return join(this.directory, 'audit.jsonl');
  }

  get headPath(): string {
    return join(this.directory, 'audit.head');
  }

  get keyPath(): string {
    return join(this.directory, 'audit.key');
  }

  open(options: Partial<AuditLogOptions> = {}): AuditLog {
    const { path, headPath, keyPath, clock, logger } = this;
    const defaults = { hash: 'blake3', maxBytes: 1_000_000, maxFiles: 4, bootId: 'boot-1' } as const;
    return AuditLog.open({ path, headPath, keyPath, clock, logger, memory, ...defaults, ...options });
  }

  /** Opens the log, appends durable entries one after the other, and closes it. */
  async write(count: number, options: Partial<AuditLogOptions> = {}): Promise<void> {
    const log = this.open(options);
    for (let index = 0; index < count; index += 1) await log.append(operation(`secret-${index}`), { durable: true });
    await log.close();
  }

  /** Opens the log, so that it recovers, and verifies it with its head. */
  async recover(options: Partial<AuditLogOptions> = {}): Promise<AuditReport> {
    const log = this.open(options);
    try {
      await log.flush();
      return await verifyChain(log.path, log.verification());
    } finally {
      await log.close();
    }
  }

  /** The lines of the current file, without what follows the last newline. */
  lines(): string[] {
    return readFileSync(this.path, 'utf8').split('\n').slice(0, -1);
  }

  entries(): Record<string, unknown>[] {
    return this.lines().map((line) => Object.fromEntries(Object.entries(JSON.parse(line))));
  }

  files(): string[] {
    return readdirSync(this.directory)
      .filter((name) => name.startsWith('audit.jsonl'))
      .sort();
  }

  /** Writes to the end of the current file behind the log's back. */
  addBytes(bytes: string | Uint8Array): void {
    appendFileSync(this.path, bytes);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Runs with a log and removes it afterwards. */
export async function withLog(test: (fixture: LogFixture) => Promise<void>): Promise<void> {
  const fixture = new LogFixture();
  try {
    await test(fixture);
  } finally {
    fixture.remove();
  }
}
