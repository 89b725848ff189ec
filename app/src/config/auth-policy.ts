// SPDX-License-Identifier: MIT
import type { Configuration } from './configuration.ts';

/** How factors combine, in the form in which vault-meta and the bus carry it. */
export type ConfiguredPolicy = 'any' | 'all' | { policy: { required: string[]; additional_required: number } };

/** What `[profiles.NAME.auth]` says; the default where the configuration does not have the profile. */
export function configuredPolicy({ profiles }: Configuration, profile: string): ConfiguredPolicy {
  const auth = Object.hasOwn(profiles, profile) ? profiles[profile]?.auth : undefined;
  if (auth === undefined) return 'any';
  const { mode, required, additional_required } = auth;
  return mode === 'policy' ? { policy: { required: [...required], additional_required } } : mode;
}
