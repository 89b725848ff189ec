// SPDX-License-Identifier: MIT
import type { AuditLog } from '../../audit/log.ts';
import type { BusServer } from '../../bus/server.ts';
import { SesameError } from '../../core/errors.ts';
import type { InstallationFiles } from './installation.ts';
import type { Profiles } from './profiles.ts';

export interface Deactivation {
  readonly profiles: Profiles;
  readonly installation: Pick<InstallationFiles, 'profileId'>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly bus: () => Pick<BusServer, 'broadcast' | 'request'>;
}

/**
 * Locks a profile's vault and makes the profile inactive. Its vault is locked first and daemon-secrets has to say so: a broadcast may
 * not reach it, and then the vault would stay open under a profile that counts as inactive.
 * @throws SesameError profile-not-found, profile-inactive, daemon-unreachable and what else a request may end with; storage errors
 */
export async function deactivate({ profiles, installation, audit, bus }: Deactivation, profile: string): Promise<void> {
  profiles.requireKnown(profile);
  if (!profiles.isActive(profile)) throw SesameError.of('profile-inactive', { profile });
  await lock(bus(), profile);
  profiles.setActive(profile, false);
  bus().broadcast('profile-changed', { profile, active: false });
  await audit.append({ ProfileDeactivated: { target: installation.profileId(profile), duration_ms: 0 } }, { durable: true });
}

async function lock(bus: Pick<BusServer, 'request'>, profile: string): Promise<void> {
  try {
    await bus.request('vault-lock', { profile });
  } catch (thrown) {
    // A profile without a vault has nothing to lock.
    if (!(thrown instanceof SesameError) || thrown.code !== 'vault-not-initialised') throw thrown;
  }
}
