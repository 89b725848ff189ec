// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { RecordingLogger } from '../../src/core/log.ts';
import { builtInFactors } from '../../src/factors/registry.ts';
import { tpmFactor } from '../../src/factors/tpm.ts';
import { parseEnrolment } from '../../src/tpm/enrolment.ts';
import { pcrSelection } from '../../src/tpm/pcr-selection.ts';
import { Tpm } from '../../src/tpm/tpm.ts';
import type { SoftwareTpm } from '../support/swtpm.ts';
import { evidence, Fixture, masterKeyOf, memory } from './fixture.ts';

export const byTpm = (pin?: string) =>
  pin === undefined ? { factor: 'tpm' as const, bytes: memory.take(Buffer.alloc(0)) } : evidence('tpm', pin);

/** A vault whose TPM is a real one in software, with boot state in PCR 7. */
export class TpmFixture extends Fixture {
  chip: SoftwareTpm;
  tcti: string;
  readonly tpmLog = new RecordingLogger();
  readonly tpm: Tpm;
  allowZeroPcrs = false;
  selection = pcrSelection('sha256', [0, 7]);

  constructor(chip: SoftwareTpm, limitMs = 30_000) {
    super();
    this.chip = chip;
    this.tcti = chip.tcti;
    this.tpm = new Tpm({ tcti: () => this.tcti, logger: this.tpmLog, limitMs, slowMs: 500 });
    const factor = tpmFactor({
      tpm: this.tpm,
      selection: () => this.selection,
      allowZeroPcrs: () => this.allowZeroPcrs,
      expected: (now) => now,
      onKey: async () => undefined,
    });
    this.open({ factors: [...builtInFactors, factor] });
  }

  /** @returns the master key in hexadecimal */
  async opens(...pin: string[]): Promise<string> {
    return masterKeyOf(await this.keyring.unlock('home', [byTpm(...pin)]));
  }

  /** What the file holds, unsealed by tpm2-tools. */
  unsealedByTools(): Buffer {
    const { sealed } = parseEnrolment('file', readFileSync(this.path('tpm-enrollment')));
    return this.chip.unsealWithTools(sealed, 'pcr:sha256:0,7');
  }
}
