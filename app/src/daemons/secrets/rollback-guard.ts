// SPDX-License-Identifier: MIT
import type { Sender } from '../../bus/handler.ts';
import { SesameError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { readEnrolment } from '../../factors/enrolment.ts';
import type { SecretMemory } from '../../memory/secret-bytes.ts';
import { advanceState, type Freshness, freshnessOf, parseMark, type StateMark, serialiseMark } from '../../tpm/rollback.ts';
import type { Tpm } from '../../tpm/tpm.ts';
import { databasePath } from '../../vault/paths.ts';
import type { Vault } from '../../vault/vault.ts';
import type { Auditor } from './auditor.ts';
import type { VaultSet } from './vault-set.ts';

/** What happens when a vault turns out to be an older copy. */
export type RollbackMode = 'off' | 'warn' | 'refuse';

export interface RollbackGuardOptions {
  readonly memory: SecretMemory;
  readonly vaults: VaultSet;
  readonly tpm: Tpm;
  readonly mode: () => RollbackMode;
  /** Sequence number of the newest audit entry. */
  readonly auditSequence: () => Promise<number>;
  readonly auditor: Auditor;
  readonly logger: Logger;
}

const markName = 'rollback-mark';

/** What is known of a vault before it counts as open. */
export interface Admission {
  readonly sender: Sender;
  readonly mark: StateMark | undefined;
  readonly auditSequence: number;
  /** Whether it was compared with the TPM already. */
  readonly checked: boolean;
}

/**
 * Notices that the state directory was put back to an older copy: each time a vault is opened or its factors change, vault and TPM count
 * together, and a copy from before then lags behind. It guards vaults with a TPM factor, and every vault where the mode is `refuse`.
 */
export class RollbackGuard {
  readonly #options: RollbackGuardOptions;
  #advancing: Promise<void> = Promise.resolve();

  constructor(options: RollbackGuardOptions) {
    this.#options = options;
  }

  /**
   * Called before anybody may use a vault. In the mode `refuse` it is compared with the TPM now, otherwise once it is open.
   * @param open gives the vault, which is closed again
   * @returns what `opened` needs, or undefined when the vault is not guarded
   * @throws SesameError vault-restored, audit-restored; and what `open` throws
   */
  async admit(profile: string, open: () => Vault, sender: Sender): Promise<Admission | undefined> {
    const mark = this.#readMark(open());
    if (!this.#guards(profile, mark)) return undefined;
    const admission = { sender, mark, auditSequence: await this.#options.auditSequence() };
    if (this.#options.mode() !== 'refuse') return { ...admission, checked: false };
    const finding = await this.#check(profile, admission);
    if (finding?.refusable === true) throw finding.error;
    return { ...admission, checked: true };
  }

  /** Called when a vault counts as open, with its entry on the disk: from here on every copy that exists is an old one. Nobody waits. */
  opened(profile: string, admission: Admission | undefined): void {
    if (admission === undefined) return;
    this.#later(profile, async () => {
      if (!admission.checked) await this.#check(profile, admission);
      await this.#advance(profile, admission.auditSequence);
    });
  }

  /** Called after the factors of an open vault were changed. Nobody waits. */
  factorsChanged(profile: string): void {
    this.#later(profile, async () => {
      const mark = this.#markOf(await this.#options.vaults.require(profile));
      if (this.#guards(profile, mark)) await this.#advance(profile, mark?.auditSequence ?? 0);
    });
  }

  /** Waits until vaults and TPM have counted. */
  async settled(): Promise<void> {
    await this.#advancing;
  }

  #guards(profile: string, mark: StateMark | undefined): boolean {
    const mode = this.#options.mode();
    if (mode === 'off') return false;
    return mode === 'refuse' || mark !== undefined || this.#enrolment(profile).enrolled.has('tpm');
  }

  async #check(profile: string, { sender, mark, auditSequence }: Omit<Admission, 'checked'>): Promise<Finding | undefined> {
    const finding = await this.#finding(profile, mark, auditSequence);
    if (finding === undefined) return undefined;
    const { error, outcome } = finding;
    const { logger, auditor } = this.#options;
    logger.error(error.message, { profile, code: error.code });
    await auditor.outcome({ action: 'rollback-check', profile, key: null, sender }, outcome);
    return finding;
  }

  async #finding(profile: string, mark: StateMark | undefined, auditSequence: number): Promise<Finding | undefined> {
    const vault = this.#enrolment(profile).context.salt;
    let freshness: Freshness;
    try {
      freshness = await this.#options.tpm.converse((esys) => freshnessOf(esys, vault, mark));
    } catch (thrown) {
      if (!(thrown instanceof SesameError)) throw thrown;
      // The other factors must open a vault without its TPM, so this is no reason to refuse.
      return { error: thrown, refusable: false, outcome: thrown.code };
    }
    switch (freshness) {
      case 'restored':
        return { error: SesameError.of('vault-restored', { profile }), refusable: true, outcome: 'restored' };
      case 'counter-lost':
        return { error: SesameError.of('tpm-state-lost', { profile }), refusable: false, outcome: 'counter-lost' };
      case 'current':
      case 'unprotected':
        break;
    }
    if (mark === undefined || auditSequence >= mark.auditSequence) return undefined;
    const error = SesameError.of('audit-restored', { found: auditSequence, expected: mark.auditSequence });
    return { error, refusable: true, outcome: 'audit-restored' };
  }

  /** One after the other, and what is no SesameError is a bug, and fatal as everywhere. */
  #later(profile: string, work: () => Promise<void>): void {
    this.#advancing = this.#advancing.then(async () => {
      try {
        await work();
      } catch (thrown) {
        if (!(thrown instanceof SesameError)) throw thrown;
        // A vault that was locked in the meantime is marked when it is opened again.
        if (thrown.code !== 'vault-locked') this.#options.logger.warn(thrown.message, { profile, code: thrown.code });
      }
    });
  }

  async #advance(profile: string, auditSequence: number): Promise<void> {
    const { vaults, tpm } = this.#options;
    const mark = this.#markOf(await vaults.require(profile));
    const { salt } = this.#enrolment(profile).context;
    const note = (next: StateMark): void => vaults.current(profile).setState(markName, serialiseMark(next));
    await tpm.converse((esys) => advanceState(esys, { vault: salt, mark, auditSequence, note }));
  }

  #readMark(vault: Vault): StateMark | undefined {
    try {
      return this.#markOf(vault);
    } finally {
      vault.close();
    }
  }

  #markOf(vault: Vault): StateMark | undefined {
    const bytes = vault.state().get(markName);
    return bytes && parseMark(databasePath(this.#options.vaults.directory, vault.profile), bytes);
  }

  #enrolment(profile: string): ReturnType<typeof readEnrolment> {
    return readEnrolment(this.#options.memory, this.#options.vaults.directory, profile);
  }
}

interface Finding {
  readonly error: SesameError;
  /** Whether the mode `refuse` refuses for it. */
  readonly refusable: boolean;
  /** For the audit chain. */
  readonly outcome: string;
}
