// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EventLog, type MeasuredEvent, parseEventLog } from '../../src/tpm/event-log.ts';
import { measurement } from '../../src/tpm/event-log-bank.ts';

const vectors = join(import.meta.dirname, 'vectors');

/** Every PCR that firmware extends. */
export const firmwarePcrs = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/** One real boot under Debian's UEFI firmware in QEMU: its log, the PCR values that the TPM had, and its command line. */
export interface RealBoot {
  readonly path: string;
  readonly bytes: Buffer;
  readonly log: EventLog;
  readonly pcrFile: Buffer;
  readonly commandLine: string;
}

export function realBoot(name: 'measured-boot' | 'measured-boot-extra-word' | 'measured-boot-initrd'): RealBoot {
  const path = join(vectors, `${name}.bin`);
  const bytes = readFileSync(path);
  const pcrFile = readFileSync(join(vectors, `${name}.pcrs`));
  const commandLine = pcrFile.toString().split('\n')[2]?.slice(2) ?? '';
  assert.match(commandLine, /^root=/);
  return { path, bytes, log: parseEventLog(bytes, path), pcrFile, commandLine };
}

/** An event as a boot loader would log it, in one bank. */
export function event(pcr: number, type: number, data: Buffer | string, measured: Buffer | string = data): MeasuredEvent {
  const digest = measurement('sha256', Buffer.from(measured));
  return { pcr, type, data: Buffer.from(data), digests: new Map([['sha256', digest]]) };
}
