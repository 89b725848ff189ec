// SPDX-License-Identifier: MIT
import type { AuditLog } from '../../audit/log.ts';
import { verifyChain } from '../../audit/verify.ts';
import type { Handlers, Sender } from '../../bus/handler.ts';
import type { BusServer } from '../../bus/server.ts';
import { loadConfiguration } from '../../config/load.ts';
import { monotonicMs } from '../../core/clock.ts';
import { SesameError } from '../../core/errors.ts';
import type { Foundation } from '../foundation.ts';
import { health } from '../health.ts';
import { appendReported } from './audit-reports.ts';
import { deactivate } from './deactivation.ts';
import type { InstallationFiles } from './installation.ts';
import type { Profiles } from './profiles.ts';
import { sharedRuns } from './shared-runs.ts';

export interface ProfileHandlersOptions {
  readonly foundation: Foundation;
  readonly audit: AuditLog;
  readonly profiles: Profiles;
  readonly installation: InstallationFiles;
  /** The bus itself, which exists only after its handlers. */
  readonly bus: () => BusServer;
}

/** Answers for profiles, the audit chain and the bus's own keys. */
export function profileHandlers(options: ProfileHandlersOptions): Handlers {
  const { foundation, audit, profiles, installation, bus } = options;
  // It reads the whole chain, and every client may ask for it.
  const verify = sharedRuns(async () => {
    await audit.flush();
    return await verifyChain(audit.path, audit.verification());
  });
  return {
    async 'profile-status'() {
      const { sequence, attestation, problem } = audit.status();
      return {
        body: {
          daemon: health(foundation),
          ...(installation.id === undefined ? {} : { installation: installation.id }),
          default_profile: profiles.default,
          connected: [...bus().daemons],
          connections: bus().connections,
          ...(installation.binding && { machine_binding: installation.binding }),
          audit: { sequence, attestation, ...(problem === undefined ? {} : { problem }) },
        },
      };
    },

    async 'installation-init'({ body: { profile } }) {
      // Rules that came with a vault, or did not, are the integrator's.
      if (profiles.isVault(profile)) throw SesameError.of('vault-exists', { profile });
      // Beside a mistake in another file the new rules could not come into force, and the vault would be without them.
      loadConfiguration(foundation.paths);
      const made = await installation.create(audit);
      const added = installation.addRules(profile);
      foundation.reload();
      return { body: { ...made, rules_added: added } };
    },

    async 'rules-discard'({ body: { profile } }) {
      if (profiles.isVault(profile)) throw SesameError.of('vault-exists', { profile });
      installation.discardRules(profile);
      foundation.reload();
      return { body: {} };
    },

    async 'profile-list'() {
      return {
        body: {
          profiles: profiles
            .list()
            .slice(0, 256)
            .map((profile) => ({ ...profile, id: installation.profileId(profile.name) })),
        },
      };
    },

    async 'profile-activate'({ body: { profile } }) {
      await activate(options, profile);
      return { body: {} };
    },

    async 'profile-deactivate'({ body: { profile } }) {
      await deactivate(options, profile);
      return { body: {} };
    },

    async 'profile-default'({ body: { profile } }) {
      profiles.requireKnown(profile);
      const previous = profiles.default;
      const ids = { previous: installation.profileId(previous), current: installation.profileId(profile) };
      profiles.setDefault(profile);
      await audit.append({ DefaultProfileChanged: ids }, { durable: true });
      return { body: {} };
    },

    async 'audit-append'({ body: { entries, durable }, sender }) {
      requireSecretsDaemon(sender, 'audit-append');
      await appendReported(audit, entries, durable);
      return { body: {} };
    },

    async 'vault-report'({ body: { profile, state }, sender }) {
      requireSecretsDaemon(sender, 'vault-report');
      profiles.hasVault(profile);
      if (state === 'unlocked' && !profiles.isActive(profile)) await activate(options, profile);
      bus().broadcast('vault-changed', { profile, state });
      return { body: {} };
    },

    async 'machine-binding'({ body: { profile, binding_hash: hash, renewed }, sender }) {
      requireSecretsDaemon(sender, 'machine-binding');
      installation.presentTpmKey(profile, hash, renewed);
      return { body: {} };
    },

    async 'audit-tail'({ body: { entries, after } }) {
      return { body: { lines: audit.tail(entries, after) } };
    },

    async 'audit-standing'({ body: { earlier }, sender }) {
      requireSecretsDaemon(sender, 'audit-standing');
      const { sequence } = audit.status();
      const earlierHash = audit.entryHash(earlier);
      return {
        body: {
          sequence,
          hash: audit.entryHash(sequence) ?? '',
          ...(earlierHash !== undefined && { earlier_hash: earlierHash }),
        },
      };
    },

    async 'audit-acknowledge'({ sender: { uid } }) {
      const { sequence } = await audit.acknowledge({ requester_uid: uid });
      return { body: { sequence } };
    },

    async 'audit-verify'() {
      const { path, entries, first, last, hash, head, attestation } = await verify();
      return { body: { path, entries, first, last, hash, head, attestation } };
    },

    async 'key-rotate'({ body: { name } }) {
      return { body: bus().rotate(name) };
    },
  };
}

/** @throws SesameError profile-not-found, recorded as a failed activation; profile-active */
async function activate({ audit, profiles, installation, bus }: ProfileHandlersOptions, profile: string): Promise<void> {
  const target = installation.profileId(profile);
  try {
    profiles.requireKnown(profile);
  } catch (thrown) {
    await audit.append({ ProfileActivationFailed: { target, reason: 'there is no such profile' } }, { durable: true });
    throw thrown;
  }
  if (profiles.isActive(profile)) throw SesameError.of('profile-active', { profile });
  const startedAt = monotonicMs();
  profiles.setActive(profile, true);
  bus().broadcast('profile-changed', { profile, active: true });
  await audit.append({ ProfileActivated: { target, duration_ms: Math.round(monotonicMs() - startedAt) } }, { durable: true });
}

/** The name is the server's own finding: only the owner of the daemons' keys can have it. */
function requireSecretsDaemon(sender: Sender, action: string): void {
  if (sender.name === 'daemon-secrets') return;
  throw SesameError.of('access-denied', {
    client: sender.name ?? `uid ${sender.uid}`,
    action,
    what: 'what belongs to daemon-secrets',
    profile: '*',
  });
}
