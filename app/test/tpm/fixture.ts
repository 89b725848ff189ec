// SPDX-License-Identifier: MIT
import { RecordingLogger } from '../../src/core/log.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { Tpm } from '../../src/tpm/tpm.ts';
import { SoftwareTpm } from '../support/swtpm.ts';

export const memory = openSecretMemory();

export interface Bench {
  readonly chip: SoftwareTpm;
  readonly tpm: Tpm;
  readonly logger: RecordingLogger;
}

/** A TPM in software and our way to it. */
export async function bench(): Promise<Bench> {
  const chip = await SoftwareTpm.start();
  const logger = new RecordingLogger();
  return { chip, logger, tpm: new Tpm({ tcti: () => chip.tcti, logger }) };
}
