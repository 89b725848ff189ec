// SPDX-License-Identifier: MIT
import type { Sender } from '../../bus/handler.ts';
import type { Configuration } from '../../config/configuration.ts';
import type { Logger } from '../../core/log.ts';
import type { Factor } from '../../factors/factor.ts';
import { type TpmFactorOptions, tpmFactor } from '../../factors/tpm.ts';
import { readableTpmEnrolments } from '../../factors/tpm-enrolments.ts';
import { type PcrBank, type PcrSelection, type PcrValues, pcrSelection } from '../../tpm/pcr-selection.ts';
import { beforeCap, capBootState } from '../../tpm/sealed-key.ts';
import { Tpm } from '../../tpm/tpm.ts';
import type { AuditedOperation } from './auditor.ts';
import type { RollbackMode } from './rollback-guard.ts';

export interface TpmBindingOptions {
  /** `vaults/`. */
  readonly directory: string;
  readonly logger: Logger;
  readonly configuration: () => Configuration;
  readonly onKey: TpmFactorOptions['onKey'];
}

/** The TPM as the configuration wants it: where it is, what new seals are bound to, and what is capped. */
export class TpmBinding {
  readonly tpm: Tpm;
  readonly factor: Factor;
  readonly directory: string;
  readonly #configuration: () => Configuration;

  constructor({ directory, logger, configuration, onKey }: TpmBindingOptions) {
    this.directory = directory;
    this.#configuration = configuration;
    this.tpm = new Tpm({ tcti: () => this.#settings.tcti, logger });
    this.factor = tpmFactor({
      tpm: this.tpm,
      selection: () => this.selection,
      allowZeroPcrs: () => this.#settings.allow_zero_pcrs,
      expected: (now) => this.#uncapped(now),
      policy: () => this.#settings.policy,
      onOutdated: (profile, error) =>
        logger.warn('the file of the TPM factor stays as it was until the next unlock', { profile, cause: error.message }),
      onKey,
    });
  }

  get #settings() {
    return this.#configuration().global.tpm;
  }

  get selection(): PcrSelection {
    const { bank, pcrs } = this.#settings;
    return pcrSelection(bank, pcrs);
  }

  /** What is to be capped after the automatic unlock, if anything. */
  get cap(): { readonly bank: PcrBank; readonly pcr: number } | undefined {
    const { bank, cap_pcr: pcr } = this.#settings;
    return pcr === undefined ? undefined : { bank, pcr };
  }

  get rollbackMode(): RollbackMode {
    return this.#settings.rollback;
  }

  /** Whether a PCR holds what capping makes of the value that some profile is sealed to. */
  async isCapped(): Promise<boolean> {
    const { cap } = this;
    if (cap === undefined) return false;
    const { bank, pcr } = cap;
    const now = await this.tpm.readPcrs(pcrSelection(bank, [pcr]));
    return beforeCap(bank, now.get(pcr), this.#sealedValues(bank, pcr)) !== undefined;
  }

  /** Closes the boot state: nothing that is sealed to it opens any more until the next boot. Capping twice would only hide the first. */
  async capBootState(): Promise<{ readonly bank: PcrBank; readonly pcr: number } | undefined> {
    const { cap } = this;
    if (cap !== undefined && !(await this.isCapped())) await this.tpm.converse((esys) => capBootState(esys, cap.bank, cap.pcr));
    return cap;
  }

  /** The entry that capping leaves. It concerns the whole device, and the default profile stands for that. */
  capOperation(pcr: number, sender: Sender): AuditedOperation {
    return { action: 'tpm-cap', profile: this.#configuration().global.default_profile, key: `PCR ${pcr}`, sender };
  }

  /** A new seal is for the next boot, before anybody caps it. */
  #uncapped(now: PcrValues): PcrValues {
    const { cap } = this;
    if (cap === undefined) return now;
    const before = beforeCap(cap.bank, now.get(cap.pcr), this.#sealedValues(cap.bank, cap.pcr));
    return before === undefined ? now : new Map([...now, [cap.pcr, before]]);
  }

  #sealedValues(bank: PcrBank, pcr: number): (Buffer | undefined)[] {
    return readableTpmEnrolments(this.directory)
      .filter(({ enrolment }) => enrolment.selection.bank === bank)
      .map(({ enrolment }) => enrolment.values.get(pcr));
  }
}
