// SPDX-License-Identifier: MIT
import type { Requester } from '../../bus/blocking-client.ts';
import { configuredPolicy } from '../../config/auth-policy.ts';
import type { Configuration } from '../../config/configuration.ts';
import { SesameError } from '../../core/errors.ts';
import { isSamePolicy } from '../../factors/policy.ts';
import { policyText } from '../policy-text.ts';
import type { StatusReport, VaultStatus } from '../status-report.ts';
import { type Check, fail, pass, warn } from './check.ts';

/** Every entry of a big vault is decrypted once. */
const checkTimeoutMs = 600_000;

export async function examineVaults(
  { vaults }: StatusReport,
  bus: Requester | undefined,
  configuration: Configuration | undefined,
): Promise<Check[]> {
  if (bus === undefined) return [];
  const checks: Check[] = [];
  for (const vault of vaults) {
    checks.push(await guarded(`vault/${vault.profile}`, () => examineContents(vault, bus)));
    checks.push(await guarded(`factors/${vault.profile}`, () => examineFactors(vault, bus)));
    if (configuration === undefined) continue;
    checks.push(await guarded(`policy/${vault.profile}`, () => examinePolicy(vault, bus, configuration)));
    checks.push(examineRules(vault, configuration));
  }
  return checks;
}

/** A user who may not look is told so; that is no failure of the device. */
async function guarded(id: string, look: () => Promise<Check>): Promise<Check> {
  try {
    return await look();
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
    const denied = thrown.code === 'clearance-too-low' || thrown.code === 'access-denied';
    if (denied) return warn(id, thrown.message, 'run this as an administrator to see it');
    return fail(id, thrown.message, 'restore the profile from a backup if the files are damaged');
  }
}

async function examineContents({ profile, state, problem }: VaultStatus, bus: Requester): Promise<Check> {
  const id = `vault/${profile}`;
  if (state === 'damaged' || problem !== undefined)
    return fail(id, problem ?? 'the vault is damaged', 'restore the files of this profile from a backup');
  if (state !== 'unlocked') return pass(id, `${state}; its contents can be checked once it is unlocked`);
  const { body } = await bus.request('vault-check', { profile }, undefined, { timeoutMs: checkTimeoutMs });
  if (body.damaged.length === 0) return pass(id, `unlocked, ${body.entries} secrets, all readable`);
  return fail(
    id,
    `damaged secrets: ${body.damaged.map((name) => JSON.stringify(name)).join(', ')}`,
    'set them anew, or restore the vault from a backup',
  );
}

async function examineFactors({ profile }: VaultStatus, bus: Requester): Promise<Check> {
  const id = `factors/${profile}`;
  const { body } = await bus.request('factor-list', { profile });
  const names = body.factors.map(({ factor }) => factor);
  if (names.length > 1 && (body.policy === 'any' || names.includes('recovery'))) return pass(id, names.join(', '));
  return warn(
    id,
    names.length > 1 ? `losing one of ${names.join(', ')} loses every secret` : `${names.join(', ')} is the only way in`,
    `make a recovery key: sesame factor add recovery -p ${profile}`,
  );
}

/** A policy is the vault's own from the day that it was made. */
async function examinePolicy({ profile }: VaultStatus, bus: Requester, configuration: Configuration): Promise<Check> {
  const id = `policy/${profile}`;
  const { policy } = (await bus.request('factor-list', { profile })).body;
  const configured = configuredPolicy(configuration, profile);
  // `init --policy all` may ask for more than a configuration that says nothing.
  if (configured === 'any' || isSamePolicy(configured, policy)) return pass(id, policyText(policy));
  return warn(
    id,
    `the configuration says: ${policyText(configured)}; the vault was made otherwise: ${policyText(policy)}`,
    `make the vault of a new profile with this policy, or write [profiles.${profile}.auth] as the vault has it`,
  );
}

function examineRules({ profile }: VaultStatus, configuration: Configuration): Check {
  const id = `access/${profile}`;
  const access = configuration.profiles[profile]?.secrets?.access;
  if (access !== undefined && Object.keys(access).length > 0) return pass(id, `rules for ${Object.keys(access).join(', ')}`);
  return warn(
    id,
    'there are no access rules: every client may read every secret',
    `write rules under [profiles.${profile}.secrets.access]`,
  );
}
