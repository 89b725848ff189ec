// SPDX-License-Identifier: MIT
import type { Sender } from '../../bus/handler.ts';
import { SesameError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { readEnrolment } from '../../factors/enrolment.ts';
import type { Evidence } from '../../factors/keyring.ts';
import type { SecretMemory } from '../../memory/secret-bytes.ts';
import { type AuditEntryMark, advanceState, type Freshness, freshnessOf, type MarkedState } from '../../tpm/rollback.ts';
import type { Tpm } from '../../tpm/tpm.ts';
import { databasePath } from '../../vault/paths.ts';
import type { Vault } from '../../vault/vault.ts';
import type { Auditor } from './auditor.ts';
import { readMarkedState, writeMarkedState } from './marked-state.ts';
import type { VaultSet } from './vault-set.ts';

const unknownEntry: AuditEntryMark = { sequence: 0, hash: '' };

/** What happens when a vault turns out to be an older copy. */
export type RollbackMode = 'off' | 'warn' | 'refuse';

export interface RollbackGuardOptions {
  readonly memory: SecretMemory;
  readonly vaults: VaultSet;
  readonly tpm: Tpm;
  readonly mode: () => RollbackMode;
  /** The kernel's boot_id. */
  readonly boot: string;
  /** The newest audit entry; and what became of an earlier one, by its number. */
  readonly audit: (earlier: number) => Promise<AuditStanding>;
  readonly auditor: Auditor;
  readonly logger: Logger;
}

/** How the audit chain stands. */
export interface AuditStanding extends AuditEntryMark {
  /** The hash of the earlier entry, empty where the chain leaves that entry out; undefined when its file was dropped. */
  readonly earlierHash: string | undefined;
}

/** What is known of a vault before it counts as open. */
export interface Admission {
  readonly sender: Sender;
  readonly audit: AuditStanding;
  /** What the comparison with the TPM gave, where it was made already. */
  readonly checked: { readonly finding: Finding | undefined } | undefined;
}

interface Finding {
  readonly error: SesameError;
  /** Whether the mode `refuse` refuses for it. */
  readonly refusable: boolean;
  /** For the audit chain. */
  readonly outcome: string;
}

/**
 * Notices that the state directory was put back to an older copy: once a boot, when a vault is opened, and each time its factors change,
 * vault and TPM count together, and a copy from before then lags behind. It guards vaults with a TPM factor, and every vault where the
 * mode is `refuse`.
 */
export class RollbackGuard {
  readonly #options: RollbackGuardOptions;
  #advancing: Promise<void> = Promise.resolve();

  constructor(options: RollbackGuardOptions) {
    this.#options = options;
  }

  /**
   * Marks a vault before it appears, so that no copy of it is without a mark.
   * @param directory where its files are being prepared
   * @throws SesameError in the mode `refuse`, when the TPM cannot count
   */
  async initialised(profile: string, vault: Vault, directory: string): Promise<void> {
    if (!this.#guards(profile, undefined, directory)) return;
    try {
      await this.#advance(profile, vault, await this.#options.audit(0), false);
    } catch (thrown) {
      if (this.#options.mode() === 'refuse' || !(thrown instanceof SesameError)) throw thrown;
      this.#options.logger.warn(thrown.message, { profile, code: thrown.code });
    }
  }

  /**
   * Called before anybody may use a vault. In the mode `refuse` it is compared with the TPM now, otherwise once it is open. Who shows the
   * recovery key is let in, whatever the comparison gives.
   * @param open gives the vault, which is closed again
   * @returns what `opened` needs, or undefined when the vault is not guarded
   * @throws SesameError vault-restored, vault-unmarked, tpm-state-removed, audit-restored, audit-rewritten; and what `open` throws
   */
  async admit(profile: string, open: () => Vault, evidence: readonly Evidence[], sender: Sender): Promise<Admission | undefined> {
    const state = this.#readClosing(open());
    try {
      if (!this.#guards(profile, state)) return undefined;
      const audit = await this.#options.audit(state?.mark.audit.sequence ?? 0);
      if (this.#options.mode() !== 'refuse') return { sender, audit, checked: undefined };
      const finding = await this.#check(profile, state, audit, sender);
      const recovered = evidence.some(({ factor }) => factor === 'recovery');
      if (finding?.refusable === true && !recovered) throw finding.error;
      return { sender, audit, checked: { finding } };
    } finally {
      state?.authorisation.release();
    }
  }

  /** Called when a vault counts as open, with its entry on the disk: from here on every copy that exists is an old one. Nobody waits. */
  opened(profile: string, admission: Admission | undefined): void {
    if (admission === undefined) return;
    const { sender, audit, checked } = admission;
    this.#later(profile, async (vault) => {
      const finding = checked === undefined ? await this.#checkOpen(profile, vault, audit, sender) : checked.finding;
      await this.#advance(profile, vault, audit, finding === undefined);
    });
  }

  /** Called after the factors of an open vault were changed. Nobody waits. */
  factorsChanged(profile: string): void {
    this.#later(profile, async (vault) => {
      const state = this.#read(vault);
      state?.authorisation.release();
      if (this.#guards(profile, state)) await this.#advance(profile, vault, state?.mark.audit ?? unknownEntry, false);
    });
  }

  /** Waits until vaults and TPM have counted. */
  async settled(): Promise<void> {
    await this.#advancing;
  }

  #guards(profile: string, state: MarkedState | undefined, directory = this.#options.vaults.directory): boolean {
    const mode = this.#options.mode();
    if (mode === 'off') return false;
    if (mode === 'refuse' || state !== undefined) return true;
    return readEnrolment(this.#options.memory, directory, profile).enrolled.has('tpm');
  }

  async #checkOpen(profile: string, vault: Vault, audit: AuditStanding, sender: Sender): Promise<Finding | undefined> {
    const state = this.#read(vault);
    try {
      return await this.#check(profile, state, audit, sender);
    } finally {
      state?.authorisation.release();
    }
  }

  async #check(
    profile: string,
    state: MarkedState | undefined,
    audit: AuditStanding,
    sender: Sender,
  ): Promise<Finding | undefined> {
    const finding = await this.#finding(profile, state, audit);
    if (finding === undefined) return undefined;
    const { error, outcome } = finding;
    const { logger, auditor } = this.#options;
    logger.error(error.message, { profile, code: error.code });
    await auditor.outcome({ action: 'rollback-check', profile, key: null, sender }, outcome);
    return finding;
  }

  async #finding(profile: string, state: MarkedState | undefined, audit: AuditStanding): Promise<Finding | undefined> {
    if (state === undefined) {
      return { error: SesameError.of('vault-unmarked', { profile }), refusable: true, outcome: 'unmarked' };
    }
    let freshness: Freshness;
    try {
      freshness = await this.#options.tpm.converse((esys) => freshnessOf(esys, state));
    } catch (thrown) {
      if (!(thrown instanceof SesameError)) throw thrown;
      // The other factors must open a vault without its TPM, so this is no reason to refuse.
      return { error: thrown, refusable: false, outcome: thrown.code };
    }
    switch (freshness) {
      case 'restored':
        return { error: SesameError.of('vault-restored', { profile }), refusable: true, outcome: freshness };
      case 'counter-removed':
        return { error: SesameError.of('tpm-state-removed', { profile }), refusable: true, outcome: freshness };
      case 'counter-lost':
        return { error: SesameError.of('tpm-state-lost', { profile }), refusable: false, outcome: freshness };
      case 'current':
        break;
    }
    return auditFinding(state.mark.audit, audit);
  }

  /** One after the other, and what is no SesameError is a bug, and fatal as everywhere. */
  #later(profile: string, work: (vault: Vault) => Promise<void>): void {
    this.#advancing = this.#advancing.then(async () => {
      try {
        // A new generation takes along what the old one has noted, and nothing that it notes afterwards.
        await this.#options.vaults.undisturbed(profile, work);
      } catch (thrown) {
        if (!(thrown instanceof SesameError)) throw thrown;
        // A vault that was locked in the meantime is marked when it is opened again.
        if (thrown.code !== 'vault-locked') this.#options.logger.warn(thrown.message, { profile, code: thrown.code });
      }
    });
  }

  async #advance(profile: string, vault: Vault, { sequence, hash }: AuditEntryMark, onceABoot: boolean): Promise<void> {
    const { memory, vaults, tpm, boot } = this.#options;
    const place = Buffer.from(databasePath(vaults.directory, profile));
    const state = this.#read(vault);
    const note = (next: MarkedState): void => writeMarkedState(vault, next);
    try {
      await tpm.converse((esys) =>
        advanceState(esys, { memory, place, state, audit: { sequence, hash }, boot, onceABoot, note }),
      );
    } finally {
      state?.authorisation.release();
    }
  }

  #readClosing(vault: Vault): MarkedState | undefined {
    try {
      return this.#read(vault);
    } finally {
      vault.close();
    }
  }

  #read(vault: Vault): MarkedState | undefined {
    const { memory, vaults } = this.#options;
    return readMarkedState(memory, databasePath(vaults.directory, vault.profile), vault);
  }
}

/** A chain that is as long may still be another one: the entry that the vault remembers is compared by its hash as well. */
function auditFinding(expected: AuditEntryMark, { sequence, earlierHash }: AuditStanding): Finding | undefined {
  if (sequence < expected.sequence) {
    const error = SesameError.of('audit-restored', { found: sequence, expected: expected.sequence });
    return { error, refusable: true, outcome: 'audit-restored' };
  }
  if (expected.hash === '' || earlierHash === undefined || earlierHash === expected.hash) return undefined;
  const error = SesameError.of('audit-rewritten', { sequence: expected.sequence });
  return { error, refusable: true, outcome: 'audit-rewritten' };
}
