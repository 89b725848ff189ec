// SPDX-License-Identifier: MIT
import type { Clock } from '../core/clock.ts';
import { assert, SesameError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { requireProfileName } from '../core/names.ts';
import type { VaultSuite } from '../crypto/suite.ts';
import { writeDurably } from '../linux/files.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { UnlockAttempts } from './attempts.ts';
import { type Enrolment, readEnrolment } from './enrolment.ts';
import { type Evidence, type Factor, type FactorContext, type FactorFile, pieceLength } from './factor.ts';
import { type Added, addFactor, type Removed, type Replaced, removeFactor, replaceFactor } from './factor-changes.ts';
import type { FactorId, PolicyFactorId } from './factor-id.ts';
import { type Initialised, type InitialiseOptions, initialiseVault } from './initialisation.ts';
import { MutualExclusion } from './mutual-exclusion.ts';
import { PartialUnlocks } from './partial-unlock.ts';
import { combinePieces, type Pieces, releasePieces } from './pieces.ts';
import { type AuthPolicy, type Enforcement, enforcementOf, evaluate } from './policy.ts';
import { fileMode, hasVaultFiles, profilesWithVaults } from './profile-files.ts';
import { builtInFactors, type Factors, registerFactors, requireFactor } from './registry.ts';
import { type RekeyOptions, type StagedRekey, stageRekey } from './rekey.ts';
import { newSshChallenge, type SshChallenge, sshChallengeOf } from './ssh-challenge.ts';
import { recoveryEnrolledAt } from './vault-meta.ts';
import { type OpensVault, readFactorFile, verifyEvidence } from './verification.ts';

export type { Evidence } from './factor.ts';
export type { Added, Removed, Replaced } from './factor-changes.ts';
export type { Initialised, InitialiseOptions } from './initialisation.ts';
export type { RekeyChange, RekeyOptions, StagedRekey } from './rekey.ts';
export type { SshChallenge } from './ssh-challenge.ts';

export interface KeyringOptions {
  readonly memory: SecretMemory;
  /** The directory `vaults/`, locked by the daemon; interrupted generations are recovered before anything is asked here. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether a candidate opens the vault of a profile; throws what is wrong with the vault rather than with the key. */
  readonly opensVault: OpensVault;
  /** Told when a partial unlock was forgotten because two minutes had passed. */
  readonly onPartialExpired?: (profile: string) => void;
  /** How long the first factor waits for the last, in milliseconds; two minutes when absent. */
  readonly partialUnlockMs?: () => number;
  readonly factors?: readonly Factor[];
}

export interface PartialUnlock {
  /** The factors that are still of use, in factor order. */
  readonly remaining: PolicyFactorId[];
  /** How many of them are needed at the least. */
  readonly needed: number;
  /** Until what was presented is forgotten. */
  readonly seconds: number;
}

export type Unlocked =
  /** The caller releases the master key. */
  { readonly state: 'unlocked'; readonly masterKey: SecretBytes } | ({ readonly state: 'partial' } & PartialUnlock);

export interface FactorList {
  readonly policy: AuthPolicy;
  readonly enforcement: Enforcement;
  /** `enrolled_at` in Unix seconds, 0 when unknown; `counts` is false for recovery. */
  readonly factors: { factor: FactorId; label: string; enrolled_at: number; counts: boolean }[];
}

/**
 * The ways into the vaults of one directory: which factors a profile has, what they open, and how that changes. It knows keys
 * and factor files and nothing of what the keys open. One piece of work at a time per profile; evidence and master keys that are
 * passed in stay the caller's.
 */
export class Keyring {
  readonly #memory: SecretMemory;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #factors: Factors;
  readonly #opensVault: OpensVault;
  readonly #attempts: UnlockAttempts;
  readonly #partial: PartialUnlocks;
  readonly #exclusion = new MutualExclusion();

  constructor(options: KeyringOptions) {
    this.#memory = options.memory;
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#factors = registerFactors(options.factors ?? builtInFactors);
    this.#opensVault = options.opensVault;
    this.#attempts = new UnlockAttempts(options);
    this.#partial = new PartialUnlocks({
      clock: options.clock,
      onExpired: options.onPartialExpired ?? (() => undefined),
      ...(options.partialUnlockMs && { windowMs: options.partialUnlockMs }),
    });
  }

  /** The profiles that have a vault, or any file of one; sorted. */
  profiles(): string[] {
    return profilesWithVaults(this.#directory);
  }

  /** Whether there is any file of a vault of this profile. */
  exists(profile: string): boolean {
    return hasVaultFiles(this.#directory, requireProfileName(profile));
  }

  /**
   * Makes the keys of a new vault. The files go to a directory beside the vaults, where the caller creates the database too
   * before both appear by one rename: a crash leaves either nothing or a whole vault.
   * @throws SesameError vault-exists, factor-unknown, factor-repeated, factor-evidence-missing, policy-unsatisfiable,
   *   password-empty, storage errors
   */
  async initialise(options: InitialiseOptions): Promise<Initialised> {
    const profile = requireProfileName(options.profile);
    return await this.#exclusion.run(profile, async () => {
      if (hasVaultFiles(this.#directory, profile)) throw SesameError.of('vault-exists', { profile });
      const keys = await initialiseVault(options, { memory: this.#memory, factors: this.#factors, now: this.#now() });
      this.#attempts.reset(profile);
      return keys;
    });
  }

  /**
   * Presents factors. They may come in one call or in several within two minutes; recovery opens alone.
   * @throws SesameError authentication-failed, authentication-delayed, factor-not-enrolled, factor-evidence-missing,
   *   recovery-key-malformed, vault-not-initialised, file-damaged, file-too-new
   */
  unlock(profile: string, evidence: readonly Evidence[]): Promise<Unlocked> {
    return this.#withEnrolment(profile, async (enrolment) => {
      const [first] = enrolment.enrolled;
      if (evidence.length === 0) throw SesameError.of('factor-evidence-missing', { profile, factor: first ?? 'password' });
      const pieces = await this.#verify(enrolment, evidence);
      try {
        return this.#present(enrolment, pieces);
      } finally {
        releasePieces(pieces);
      }
    });
  }

  /** Whether factors were presented and others are still awaited. */
  isPartlyUnlocked(profile: string): boolean {
    return this.#partial.presented(requireProfileName(profile)).size > 0;
  }

  /** What a partial unlock still waits for, or undefined when none is under way. */
  partialUnlock(profile: string): PartialUnlock | undefined {
    const presented = this.#partial.presented(requireProfileName(profile));
    if (presented.size === 0) return undefined;
    const { meta, enrolled } = readEnrolment(this.#memory, this.#directory, profile);
    const verdict = evaluate(meta.auth_policy, enrolled, presented);
    if (verdict.satisfied) return undefined;
    return { remaining: verdict.remaining, needed: verdict.needed, seconds: this.#partial.secondsLeft(profile) };
  }

  /** Wipes what a partial unlock has collected: on lock, and of all profiles without a name. */
  forget(profile?: string): void {
    if (profile === undefined) this.#partial.forgetAll();
    else this.#partial.forget(profile);
  }

  /** @throws SesameError vault-not-initialised, file-damaged, file-too-new */
  list(profile: string): FactorList {
    const { meta } = readEnrolment(this.#memory, this.#directory, requireProfileName(profile));
    const factors: FactorList['factors'] = meta.enrolled_factors.map(({ factor_id, label, enrolled_at }) => {
      return { factor: factor_id, label, enrolled_at, counts: true };
    });
    const recoveryAt = recoveryEnrolledAt(meta);
    if (recoveryAt !== undefined) {
      factors.push({ factor: 'recovery', label: 'recovery key', enrolled_at: recoveryAt, counts: false });
    }
    return { policy: meta.auth_policy, enforcement: enforcementOf(meta.auth_policy), factors };
  }

  /**
   * What an ssh agent is to sign for a profile, whether or not it has a vault yet. Nothing of it is secret.
   * @param suite for a vault that is yet to be made
   * @throws SesameError file-damaged, file-too-new
   */
  sshChallenge(profile: string, suite: VaultSuite): SshChallenge {
    if (this.exists(profile)) return sshChallengeOf(readEnrolment(this.#memory, this.#directory, profile));
    return newSshChallenge({ memory: this.#memory, profile, suite });
  }

  /**
   * Adds a factor to an unlocked vault. For `recovery` no evidence is needed, and the new recovery key is in the result.
   * @param evidence with that of the new factor in it
   * @param masterKey of the unlocked vault
   * @throws SesameError factor-enrolled, factor-unknown, factor-evidence-missing, storage errors
   */
  add(profile: string, id: FactorId, evidence: readonly Evidence[], masterKey: SecretBytes): Promise<Added> {
    return this.#withEnrolment(profile, async (enrolment) => {
      assert(masterKey.length === pieceLength, 'a master key of 32 bytes');
      const added = await addFactor({ enrolment, factors: this.#factors, factor: id, evidence, masterKey, now: this.#now() });
      this.#partial.forget(profile);
      return added;
    });
  }

  /**
   * Gives a factor of an unlocked vault new evidence, in place of the old one; no other factor is touched. For `recovery` a new
   * recovery key is made and is in the result. Old copies of the file still open old copies of the vault: offer a rekey.
   * @param evidence with the new one of this factor in it
   * @param masterKey of the unlocked vault
   * @throws SesameError factor-not-enrolled, factor-unknown, factor-evidence-missing, password-empty, storage errors; then the old
   *   evidence still holds
   */
  replace(profile: string, id: FactorId, evidence: readonly Evidence[], masterKey: SecretBytes): Promise<Replaced> {
    return this.#withEnrolment(profile, async (enrolment) => {
      assert(masterKey.length === pieceLength, 'a master key of 32 bytes');
      const now = this.#now();
      const replaced = await replaceFactor({ enrolment, factors: this.#factors, factor: id, evidence, masterKey, now });
      this.#partial.forget(profile);
      return replaced;
    });
  }

  /**
   * Removes a factor. Its file is overwritten, but an old copy of it still opens old copies of the vault: offer a rekey.
   * @throws SesameError factor-not-enrolled, factor-last, factor-required, file-damaged, storage errors
   */
  remove(profile: string, id: FactorId): Promise<Removed> {
    return this.#withEnrolment(profile, async (enrolment) => {
      const removed = removeFactor(enrolment, this.#factors, id);
      this.#partial.forget(profile);
      return removed;
    });
  }

  /**
   * Verifies the evidence and makes the files of a next generation with a new master key in `targetDirectory`; the caller
   * re-encrypts the vault there and commits, or discards the directory on any error. Factors without evidence are dropped and
   * named, except with a change: then every factor that stays must be proved.
   * @throws SesameError as unlock does; factor-enrolled, factor-last, factor-required, factor-evidence-missing, policy-unsatisfiable
   */
  stageRekey(options: RekeyOptions): Promise<StagedRekey> {
    return this.#withEnrolment(options.profile, async (enrolment) => {
      const verify = (evidence: readonly Evidence[]) => this.#verify(enrolment, evidence);
      const staged = await stageRekey(options, { enrolment, factors: this.#factors, verify, now: this.#now() });
      this.#partial.forget(options.profile);
      // Staging succeeds only with evidence that would have unlocked the vault, unless that of one factor is new.
      const proved = options.change === undefined || !('replace' in options.change);
      if (proved) this.#attempts.reset(options.profile);
      return staged;
    });
  }

  /**
   * Lets a factor's file be replaced by what the work makes of it, without evidence: what the factor protects stays the same.
   * @throws SesameError factor-not-enrolled, factor-unknown, file-damaged, file-too-new, storage errors, and those of the work
   */
  revise<Revision extends { readonly bytes: Buffer | undefined }>(
    profile: string,
    id: FactorId,
    work: (context: FactorContext, file: FactorFile) => Promise<Revision>,
  ): Promise<Revision> {
    return this.#withEnrolment(profile, async ({ directory, context, enrolled }) => {
      if (!enrolled.has(id)) throw SesameError.of('factor-not-enrolled', { profile, factor: id });
      const file = readFactorFile(directory, profile, requireFactor(this.#factors, id));
      const revision = await work(context, file);
      if (revision.bytes !== undefined) writeDurably(file.path, revision.bytes, fileMode);
      return revision;
    });
  }

  /** Every verification of evidence passes here, so that none escapes the counting of failures. */
  #verify(enrolment: Enrolment, evidence: readonly Evidence[]): Promise<Pieces> {
    const verify = () => verifyEvidence(enrolment, this.#factors, this.#opensVault, evidence);
    return this.#attempts.guard(enrolment.context.profile, verify);
  }

  #present({ context, meta, enrolled }: Enrolment, pieces: Pieces): Unlocked {
    const { profile } = context;
    const recovered = pieces.get('recovery');
    if (recovered !== undefined) {
      pieces.delete('recovery');
      this.#complete(profile);
      return { state: 'unlocked', masterKey: recovered };
    }
    this.#partial.add(profile, pieces);
    const verdict = evaluate(meta.auth_policy, enrolled, this.#partial.presented(profile));
    if (!verdict.satisfied) {
      return {
        state: 'partial',
        remaining: verdict.remaining,
        needed: verdict.needed,
        seconds: this.#partial.secondsLeft(profile),
      };
    }
    const collected = this.#partial.take(profile);
    try {
      const masterKey = combinePieces(context, meta.auth_policy, collected);
      this.#complete(profile);
      return { state: 'unlocked', masterKey };
    } finally {
      releasePieces(collected);
    }
  }

  #complete(profile: string): void {
    this.#partial.forget(profile);
    this.#attempts.reset(profile);
  }

  async #withEnrolment<Result>(profile: string, work: (enrolment: Enrolment) => Promise<Result>): Promise<Result> {
    requireProfileName(profile);
    return await this.#exclusion.run(profile, async () => await work(readEnrolment(this.#memory, this.#directory, profile)));
  }

  #now(): number {
    return Math.max(0, Math.floor(this.#clock.wallMs() / 1000));
  }
}
