// SPDX-License-Identifier: MIT
import type { Sender } from '../../bus/handler.ts';
import type { Configuration } from '../../config/configuration.ts';
import { SesameError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Factor } from '../../factors/factor.ts';
import { type TpmFactorOptions, tpmFactor } from '../../factors/tpm.ts';
import { readableApprovals, readableTpmEnrolments } from '../../factors/tpm-enrolments.ts';
import { digestBytes, type PcrBank, type PcrSelection, type PcrValues, pcrSelection } from '../../tpm/pcr-selection.ts';
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

/** The PCR that is extended to close a boot state; the bank is the one that new seals are bound to. */
export interface BootCap {
  readonly bank: PcrBank;
  readonly pcr: number;
}

/** The TPM as the configuration wants it: where it is, what new seals are bound to, and what is capped. */
export class TpmBinding {
  readonly tpm: Tpm;
  readonly factor: Factor;
  readonly directory: string;
  readonly #configuration: () => Configuration;
  /** What the PCR held when this daemon capped it. */
  #valueBeforeCap: Buffer | undefined;

  constructor({ directory, logger, configuration, onKey }: TpmBindingOptions) {
    this.directory = directory;
    this.#configuration = configuration;
    this.tpm = new Tpm({ tcti: () => this.#settings.tcti, logger });
    this.factor = tpmFactor({
      tpm: this.tpm,
      selection: () => this.selection,
      allowZeroPcrs: () => this.allowZeroPcrs,
      expected: (now) => this.#uncapped(now),
      policy: () => this.#settings.policy,
      stored: (profile) => readableApprovals(directory, profile),
      onOutdated: (profile, error) =>
        logger.warn('what the TPM factor approved before stays approved until the next unlock', {
          profile,
          cause: error.message,
        }),
      onKey,
    });
  }

  get #settings() {
    return this.#configuration().global.tpm;
  }

  /** Whether to seal to PCRs that nothing is measured into, and to approve such a boot. */
  get allowZeroPcrs(): boolean {
    return this.#settings.allow_zero_pcrs;
  }

  get selection(): PcrSelection {
    const { bank, pcrs } = this.#settings;
    return pcrSelection(bank, pcrs);
  }

  /** What is to be capped after the automatic unlock, if anything. */
  get cap(): BootCap | undefined {
    const { bank, cap_pcr: pcr } = this.#settings;
    return pcr === undefined ? undefined : { bank, pcr };
  }

  get rollbackMode(): RollbackMode {
    return this.#settings.rollback;
  }

  /** Whether the PCR holds what capping makes of the value before it, in every bank that some profile is sealed to. */
  async isCapped(): Promise<boolean> {
    const { cap } = this;
    if (cap === undefined) return false;
    const sealed = readableTpmEnrolments(this.directory).filter(({ enrolment }) => enrolment.values.has(cap.pcr));
    const banks = new Set([cap.bank, ...sealed.map(({ enrolment }) => enrolment.selection.bank)]);
    for (const bank of banks) if (!(await this.#isCappedIn(bank, cap.pcr))) return false;
    return true;
  }

  /** Closes the boot state: nothing that is sealed to it opens any more until the next boot. Capping twice would only hide the first. */
  async capBootState(): Promise<void> {
    const { cap } = this;
    if (cap === undefined || (await this.isCapped())) return;
    const before = (await this.tpm.readPcrs(pcrSelection(cap.bank, [cap.pcr]))).get(cap.pcr);
    await this.tpm.converse((esys) => capBootState(esys, cap.pcr));
    this.#valueBeforeCap = before;
  }

  /** The profiles whose seals capping does not close: their selection does not have the PCR. */
  notClosedByCap({ pcr }: BootCap): string[] {
    const open = readableTpmEnrolments(this.directory).filter(({ enrolment }) => !enrolment.values.has(pcr));
    return open.map(({ profile }) => profile);
  }

  /** The entry that capping leaves. It concerns the whole device, and the default profile stands for that. */
  capOperation(pcr: number, sender: Sender): AuditedOperation {
    return { action: 'tpm-cap', profile: this.#configuration().global.default_profile, key: `PCR ${pcr}`, sender };
  }

  /** A new seal is for the next boot, before anybody caps it. */
  #uncapped(now: PcrValues): PcrValues {
    const { cap } = this;
    if (cap === undefined) return now;
    const before = beforeCap(cap.bank, now.get(cap.pcr), this.#uncappedValues(cap.bank, cap.pcr));
    return before === undefined ? now : new Map([...now, [cap.pcr, before]]);
  }

  /** A bank that this TPM does not keep has nothing to be closed. */
  async #isCappedIn(bank: PcrBank, pcr: number): Promise<boolean> {
    try {
      const now = await this.tpm.readPcrs(pcrSelection(bank, [pcr]));
      return beforeCap(bank, now.get(pcr), this.#uncappedValues(bank, pcr)) !== undefined;
    } catch (thrown) {
      if (thrown instanceof SesameError && thrown.code === 'tpm-bank-missing') return bank !== this.cap?.bank;
      throw thrown;
    }
  }

  /** What the PCR may hold before it is capped: what a profile is sealed to, what it was, or nothing, as most of them in most boots. */
  #uncappedValues(bank: PcrBank, pcr: number): (Buffer | undefined)[] {
    const sealed = readableTpmEnrolments(this.directory)
      .filter(({ enrolment }) => enrolment.selection.bank === bank)
      .map(({ enrolment }) => enrolment.values.get(pcr));
    return [...sealed, this.#valueBeforeCap, Buffer.alloc(digestBytes(bank))];
  }
}
