// SPDX-License-Identifier: MIT
import type { Handlers, Outgoing, Sender } from '../../bus/handler.ts';
import { SesameError } from '../../core/errors.ts';
import type { VaultSuite } from '../../crypto/suite.ts';
import { requireFactorId, requirePolicyFactorId } from '../../factors/factor-id.ts';
import type { Evidence, Keyring } from '../../factors/keyring.ts';
import { chosenPolicy, type UncheckedPolicy } from '../../factors/policy.ts';
import type { SecretBytes, SecretMemory } from '../../memory/secret-bytes.ts';
import { checkVault } from '../../vault/check-vault.ts';
import type { AuditedOperation, Auditor } from './auditor.ts';
import { withEvidence } from './evidence.ts';
import type { KeyChanges } from './key-changes.ts';
import type { MachineIdentity } from './machine-identity.ts';
import type { Admission, RollbackGuard } from './rollback-guard.ts';
import type { VaultSet } from './vault-set.ts';

export type VaultState = 'locked' | 'partial' | 'unlocked';

export interface VaultHandlersOptions {
  readonly memory: SecretMemory;
  readonly keyring: Keyring;
  readonly vaults: VaultSet;
  readonly keyChanges: KeyChanges;
  readonly auditor: Auditor;
  readonly rollback: RollbackGuard;
  readonly identity: MachineIdentity;
  /** The algorithms for new vaults. */
  readonly suite: () => VaultSuite;
  /** What the configuration says of a profile's new vault. */
  readonly configuredPolicy: (profile: string) => UncheckedPolicy;
  /** Reads the configuration now: `init` has just written the rules of a profile, and its policy may be as new. */
  readonly reload: () => void;
  /** Told what became of a vault, for daemon-profile. */
  readonly changed: (profile: string, state: VaultState) => void;
}

/** Answers for whole vaults and for the factors that open them. The bus lets only administrators in here. */
export function vaultHandlers(options: VaultHandlersOptions): Handlers {
  const { memory, keyring, vaults, keyChanges, auditor, rollback, identity, suite, configuredPolicy, changed, reload } = options;
  return {
    async 'vault-init'({ body, attachment, sender }) {
      const { profile, recovery_key: recovery, salt } = body;
      if (keyring.exists(profile)) throw SesameError.of('vault-exists', { profile });
      reload();
      const policy = chosenPolicy(profile, configuredPolicy(profile), body.policy);
      return await withEvidence(memory, 'vault-init', body.evidence, attachment, async (evidence) => {
        const given = salt === undefined ? {} : { salt: Buffer.from(salt, 'hex') };
        const init = { profile, evidence, policy, recovery, suite: suite(), ...given };
        const create = () => identity.renewing(profile, () => keyChanges.initialise(init));
        const recoveryKey = await auditor.change({ action: 'vault-init', profile, key: null, sender }, create, release);
        changed(profile, 'locked');
        const factors = evidence.map(({ factor }) => factor);
        return { body: { factors, policy }, ...(recoveryKey && { attachment: recoveryKey }) };
      });
    },

    async 'vault-unlock'({ body: { profile, evidence: parts }, attachment, sender }) {
      if (vaults.isUnlocked(profile)) throw SesameError.of('vault-already-unlocked', { profile });
      return await withEvidence(memory, 'vault-unlock', parts, attachment, (evidence) =>
        unlockVault(options, profile, evidence, sender),
      );
    },

    async 'vault-lock'({ body, sender }) {
      const asked = body.profile === undefined ? [...new Set([...vaults.profiles, ...keyring.profiles()])] : [body.profile];
      if (body.profile !== undefined && !keyring.exists(body.profile))
        throw SesameError.of('vault-not-initialised', { profile: body.profile });
      // All of them before the first entry, which may take long or fail.
      const locked = asked.filter((profile) => wipeVault(options, profile));
      await recordLocks(auditor, locked, sender);
      return { body: { locked } };
    },

    async 'vault-rekey'({ body: { profile, evidence: parts, recovery_key: newRecovery }, attachment, sender }) {
      await vaults.require(profile);
      return await withEvidence(memory, 'vault-rekey', parts, attachment, async (evidence) => {
        const rekey = () => identity.renewing(profile, () => keyChanges.rekey({ profile, evidence, newRecovery }));
        const { recoveryKey, ...body } = await auditor.change(
          { action: 'rekey', profile, key: null, sender },
          rekey,
          ({ recoveryKey: key }) => release(key),
        );
        rollback.factorsChanged(profile);
        return { body, ...(recoveryKey && { attachment: recoveryKey }) };
      });
    },

    async 'vault-check'({ body: { profile }, sender }) {
      const report = await checkVault(await vaults.require(profile));
      auditor.note({ action: 'check', profile, key: null, sender }, report.damaged.length === 0 ? 'success' : 'damaged');
      return { body: { entries: report.entries, damaged: report.damaged.slice(0, 64) } };
    },

    async 'ssh-challenge'({ body: { profile } }) {
      const { challenge, salt, enrolled } = keyring.sshChallenge(profile, suite());
      return {
        body: {
          challenge: challenge.toString('hex'),
          ...(salt && { salt: salt.toString('hex') }),
          ...(enrolled && { fingerprint: enrolled.fingerprint }),
        },
      };
    },

    async 'factor-list'({ body: { profile } }) {
      const { policy, factors } = keyring.list(profile);
      return { body: { policy, factors } };
    },

    async 'factor-add'({ body: { profile, factor: name, evidence: parts }, attachment, sender }) {
      await vaults.require(profile);
      return await withEvidence(memory, 'factor-add', parts, attachment, async (evidence) => {
        const recoveryKey = await auditor.change(
          { action: 'factor-add', profile, key: name, sender },
          () => identity.renewing(profile, () => addFactor(options, profile, name, evidence)),
          release,
        );
        rollback.factorsChanged(profile);
        return { body: {}, ...(recoveryKey && { attachment: recoveryKey }) };
      });
    },

    async 'factor-replace'({ body: { profile, factor: name, evidence: parts }, attachment, sender }) {
      await vaults.require(profile);
      return await withEvidence(memory, 'factor-replace', parts, attachment, async (evidence) => {
        const recoveryKey = await auditor.change(
          { action: 'factor-replace', profile, key: name, sender },
          () => identity.renewing(profile, () => replaceFactor(options, profile, name, evidence)),
          release,
        );
        rollback.factorsChanged(profile);
        return { body: {}, ...(recoveryKey && { attachment: recoveryKey }) };
      });
    },

    async 'factor-remove'({ body: { profile, factor: name, evidence: parts }, attachment, sender }) {
      await vaults.require(profile);
      return await withEvidence(memory, 'factor-remove', parts, attachment, async (evidence) => {
        await auditor.change({ action: 'factor-remove', profile, key: name, sender }, () =>
          identity.renewing(profile, () => removeFactor(options, profile, name, evidence)),
        );
        rollback.factorsChanged(profile);
        return { body: {} };
      });
    },
  };
}

function release(key: SecretBytes | undefined): void {
  key?.release();
}

/**
 * Presents evidence for a vault and records the outcome.
 * @param begun when this unlock began, by `VaultSet.locks`: a lock since then prevails
 * @throws SesameError unlock-overtaken, and those of Keyring.unlock, RollbackGuard.admit and VaultSet.unlock
 */
export async function unlockVault(
  { keyring, vaults, auditor, rollback, changed }: VaultHandlersOptions,
  profile: string,
  evidence: readonly Evidence[],
  sender: Sender,
  begun = vaults.locks,
): Promise<Outgoing<'vault-unlock'>> {
  const factors = evidence.map(({ factor }) => factor).join(' ');
  const operation: AuditedOperation = { action: 'unlock', profile, key: factors === '' ? null : factors, sender };
  const requireNoLock = (masterKey?: SecretBytes): void => {
    if (!vaults.wasLockedSince(profile, begun)) return;
    masterKey?.release();
    keyring.forget(profile);
    throw SesameError.of('unlock-overtaken', { profile });
  };
  let admission: Admission | undefined;
  try {
    const unlocked = await keyring.unlock(profile, evidence);
    if (unlocked.state === 'partial') {
      requireNoLock();
      await auditor.outcome(operation, 'partial');
      requireNoLock();
      changed(profile, 'partial');
      return { body: unlocked };
    }
    const { masterKey } = unlocked;
    admission = await admitted(rollback, vaults, profile, masterKey, evidence, sender);
    requireNoLock(masterKey);
    vaults.unlock(profile, masterKey);
  } catch (thrown) {
    await auditor.outcome(operation, thrown instanceof SesameError ? thrown.code : 'failed');
    throw thrown;
  }
  await confirm(profile, vaults, () => auditor.outcome(operation, 'success'));
  requireNoLock();
  rollback.opened(profile, admission);
  changed(profile, 'unlocked');
  return { body: { state: 'unlocked' } };
}

/** The master key is released when the vault is refused. */
async function admitted(
  rollback: RollbackGuard,
  vaults: VaultSet,
  profile: string,
  masterKey: SecretBytes,
  evidence: readonly Evidence[],
  sender: Sender,
): Promise<Admission | undefined> {
  try {
    return await rollback.admit(profile, () => vaults.open(profile, masterKey), evidence, sender);
  } catch (thrown) {
    masterKey.release();
    throw thrown;
  }
}

/** A vault does not stay unlocked without an entry that says so. */
async function confirm(profile: string, vaults: VaultSet, entry: () => Promise<void>): Promise<void> {
  try {
    await entry();
  } catch (thrown) {
    vaults.lock(profile);
    throw thrown;
  }
}

/**
 * Wipes first and reports afterwards: a lock must work even when nothing can be written any more.
 * @throws SesameError lock-unrecorded: the vault is locked
 */
export async function lockVault(options: VaultHandlersOptions, profile: string, sender: Sender): Promise<void> {
  if (wipeVault(options, profile)) await recordLocks(options.auditor, [profile], sender);
}

/** @returns whether it was unlocked, or partly */
function wipeVault({ keyring, vaults, changed }: VaultHandlersOptions, profile: string): boolean {
  const locked = vaults.lock(profile) || keyring.isPartlyUnlocked(profile);
  keyring.forget(profile);
  if (locked) changed(profile, 'locked');
  return locked;
}

async function recordLocks(auditor: Auditor, profiles: readonly string[], sender: Sender): Promise<void> {
  try {
    for (const profile of profiles) await auditor.outcome({ action: 'lock', profile, key: null, sender }, 'success');
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
    throw SesameError.of('lock-unrecorded', { profiles: profiles.join(', '), reason: thrown.code }, thrown);
  }
}

async function addFactor(
  { keyring, vaults, keyChanges }: VaultHandlersOptions,
  profile: string,
  name: string,
  evidence: readonly Evidence[],
): Promise<SecretBytes | undefined> {
  const factor = requireFactorId(name);
  // While the entry was being written a rekey may have begun, whose new files would not know of this change.
  await vaults.require(profile);
  const added = await keyring.add(profile, factor, evidence, vaults.masterKey(profile));
  if (added.state === 'added') return added.recoveryKey;
  const rekeyed = await keyChanges.rekey({ profile, evidence, newRecovery: false, change: { add: requirePolicyFactorId(name) } });
  return rekeyed.recoveryKey;
}

async function replaceFactor(
  { keyring, vaults, keyChanges }: VaultHandlersOptions,
  profile: string,
  name: string,
  evidence: readonly Evidence[],
): Promise<SecretBytes | undefined> {
  await vaults.require(profile); // as above
  const replaced = await keyring.replace(profile, requireFactorId(name), evidence, vaults.masterKey(profile));
  if (replaced.state === 'replaced') return replaced.recoveryKey;
  const change = { replace: requirePolicyFactorId(name) };
  return (await keyChanges.rekey({ profile, evidence, newRecovery: false, change })).recoveryKey;
}

async function removeFactor(
  { keyring, vaults, keyChanges }: VaultHandlersOptions,
  profile: string,
  name: string,
  evidence: readonly Evidence[],
): Promise<void> {
  await vaults.require(profile); // as above
  const removed = await keyring.remove(profile, requireFactorId(name));
  if (removed.state === 'removed') return;
  await keyChanges.rekey({ profile, evidence, newRecovery: false, change: { remove: requirePolicyFactorId(name) } });
}
