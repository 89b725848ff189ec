// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BusClient } from '../../bus/client.ts';
import type { Sender } from '../../bus/handler.ts';
import { busPaths, KeyFiles } from '../../bus/keys.ts';
import { configuredPolicy } from '../../config/auth-policy.ts';
import type { Configuration } from '../../config/configuration.ts';
import { assert, describe } from '../../core/errors.ts';
import { Keyring } from '../../factors/keyring.ts';
import { builtInFactors } from '../../factors/registry.ts';
import { bootId } from '../../linux/boot.ts';
import { discardTemporaries, ensureDirectory, requireOwnDirectory } from '../../linux/files.ts';
import { lockDirectory } from '../../linux/lock.ts';
import type { DaemonName } from '../daemon-name.ts';
import { type Foundation, noiseSuite, runDaemon, type Service } from '../foundation.ts';
import { AccessControl } from './access.ts';
import { approvalHandlers } from './approval-handlers.ts';
import { type AuditedOperation, Auditor } from './auditor.ts';
import { unlockAtBoot } from './boot-unlock.ts';
import { KeyChanges } from './key-changes.ts';
import { MachineIdentity } from './machine-identity.ts';
import { observations } from './observations.ts';
import { RollbackGuard } from './rollback-guard.ts';
import { secretHandlers } from './secret-handlers.ts';
import { statusHandler } from './status-handler.ts';
import { TpmBinding } from './tpm-binding.ts';
import { tpmHandlers } from './tpm-handlers.ts';
import { lockVault, type VaultHandlersOptions, type VaultState, vaultHandlers } from './vault-handlers.ts';
import { VaultSet } from './vault-set.ts';

/**
 * How long the start waits for daemon-profile, and then for the TPM, in ms: before anybody is told that this daemon is ready it is on the
 * bus, whichever of the two was started first, and a fast TPM has opened the vaults.
 */
const readyAfterMs = 5_000;

async function start(foundation: Foundation): Promise<Service> {
  const { name, paths, memory, clock, logger, configuration } = foundation;
  const directory = join(paths.state, 'vaults');
  ensureDirectory(directory, 0o700);
  const directoryLock = lockDirectory(directory, name);
  discardTemporaries(directory);

  const { keys } = busPaths(paths.runtime);
  ensureDirectory(keys, 0o700);
  requireOwnDirectory(keys, name);

  let bus: BusClient | undefined;
  const connected = (): BusClient => {
    assert(bus !== undefined, 'nobody asks before the bus is there');
    return bus;
  };
  const auditor = new Auditor(connected, logger);
  const { reads, failures } = observations(auditor, clock);
  const failed = (operation: AuditedOperation, outcome: string): void => failures.add({ operation, outcome });

  const vaults = new VaultSet({
    memory,
    directory,
    clock,
    logger,
    idleCloseMs: () => configuration().global.secrets.idle_close_ms,
  });
  vaults.recoverAll();
  const identity = new MachineIdentity(connected, memory, logger);
  const binding = new TpmBinding({ directory, logger, configuration, onKey: (...key) => identity.present(...key) });
  const keyring = new Keyring({
    memory,
    directory,
    clock,
    logger,
    opensVault: (profile, masterKey) => vaults.opens(profile, masterKey),
    onPartialExpired: (profile) => changed(profile, 'locked'),
    partialUnlockMs: () => configuration().global.secrets.partial_unlock_seconds * 1000,
    factors: [...builtInFactors, binding.factor],
  });

  const changed = (profile: string, state: VaultState): void => {
    connected()
      .request('vault-report', { profile, state })
      .catch((thrown: unknown) => {
        logger.warn('daemon-profile was not told of a vault', { profile, state, cause: describe(thrown) });
      });
  };
  const rollback = new RollbackGuard({
    memory,
    vaults,
    tpm: binding.tpm,
    mode: () => binding.rollbackMode,
    boot: bootId(),
    audit: async (earlier) => {
      const { sequence, hash, earlier_hash: earlierHash } = (await connected().request('audit-standing', { earlier })).body;
      return { sequence, hash, earlierHash };
    },
    auditor,
    logger,
  });
  const vaultOptions: VaultHandlersOptions = {
    memory,
    keyring,
    vaults,
    keyChanges: new KeyChanges(keyring, vaults, (...created) => rollback.initialised(...created)),
    auditor,
    rollback,
    identity,
    suite: () => configuration().crypto,
    configuredPolicy: (profile) => configuredPolicy(configuration(), profile),
    changed,
    reload: () => foundation.reload(),
  };
  const stateOf = (profile: string): VaultState => {
    if (vaults.isUnlocked(profile)) return 'unlocked';
    return keyring.isPartlyUnlocked(profile) ? 'partial' : 'locked';
  };

  const reportVaults = (): void => {
    for (const profile of keyring.profiles()) changed(profile, stateOf(profile));
  };
  const unlockAutomatically = async (): Promise<void> => {
    const automatic = automaticProfiles(configuration());
    const options = { vaultOptions, binding, logger, sender: daemonSender(name) };
    if (automatic.length > 0) await unlockAtBoot(options, () => activeOf(automatic, connected()), vaults.locks);
  };
  let opening: Promise<void> | undefined;
  /** Once, as soon as daemon-profile is there to record it. */
  const openAutomatically = (): Promise<void> => {
    opening ??= unlockAutomatically().catch((thrown: unknown) =>
      logger.error('no vault was opened automatically', { cause: describe(thrown) }),
    );
    return opening;
  };
  bus = await BusClient.connect({
    memory,
    clock,
    logger,
    runtimeDirectory: paths.runtime,
    ...(configuration().global.ipc.socket_path === undefined ? {} : { socketPath: configuration().global.ipc.socket_path }),
    suite: noiseSuite(configuration()),
    keyFiles: new KeyFiles(memory, keys, name),
    reconnect: true,
    handlers: {
      ...secretHandlers({
        memory,
        vaults,
        auditor,
        read: (operation, times) => reads.add({ operation, outcome: 'success' }, times),
        failed,
        access: new AccessControl(configuration, (operation) => failed(operation, 'denied')),
      }),
      ...vaultHandlers(vaultOptions),
      ...tpmHandlers(binding, auditor),
      ...approvalHandlers({ keyring, vaults, binding, auditor }),
      ...statusHandler(foundation, keyring, vaults),
    },
    // The first connection is made before `connect` returns.
    onConnect: () => {
      if (bus === undefined) return;
      reportVaults();
      void openAutomatically();
    },
    onDisconnect: (error) => logger.warn('the bus is out of reach; trying again', { cause: error.message }),
    onEvent: (event) => {
      if (event.kind !== 'profile-changed' || event.body.active) return;
      lockVault(vaultOptions, event.body.profile, daemonSender('daemon-profile')).catch((thrown: unknown) => {
        logger.error('the lock of a deactivated profile was not recorded', {
          profile: event.body.profile,
          cause: describe(thrown),
        });
      });
    },
  });
  if (bus.connected) reportVaults();
  else await bus.connects(readyAfterMs);
  await bus.subscribe(['profile-changed']);
  // Who starts after this service finds its vaults open; neither a slow TPM nor a missing daemon-profile holds the device up.
  if (bus.connected) await Promise.race([openAutomatically(), sleep(readyAfterMs, undefined, { ref: false })]);

  return {
    reconfigure: () => undefined,
    async stop() {
      reads.close();
      failures.close();
      await rollback.settled();
      await auditor.flush();
      await connected().close();
      keyring.forget();
      for (const profile of vaults.profiles) vaults.lock(profile);
      directoryLock.release();
    },
  };
}

/** Those that are to open by themselves. */
function automaticProfiles({ profiles }: Configuration): string[] {
  return Object.keys(profiles).filter((profile) => profiles[profile]?.unlock === 'tpm');
}

/** Those of them that this device wants. */
async function activeOf(names: readonly string[], bus: BusClient): Promise<string[]> {
  const { body } = await bus.request('profile-list', {});
  const active = new Set(body.profiles.filter((profile) => profile.active).map((profile) => profile.name));
  return names.filter((profile) => active.has(profile));
}

/** On whose behalf a vault is locked when its profile was deactivated, and unlocked at boot. */
function daemonSender(name: DaemonName): Sender {
  const uid = process.getuid?.() ?? 0;
  return { id: '00000000-0000-0000-0000-000000000000', name, clearance: 'secrets-only', uid, pid: 0 };
}

// It handles its own failures, and a bundle in one file has no top-level await.
void runDaemon('daemon-secrets', start);
