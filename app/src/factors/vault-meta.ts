// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { defaultVaultSuite, type VaultSuite } from '../crypto/suite.ts';
import { type FactorId, isPolicyFactorId, type PolicyFactorId } from './factor-id.ts';
import { field, isNatural, isObject, type JsonObject, listOf, optional } from './json-fields.ts';
import type { AuthPolicy } from './policy.ts';

/*
 * `P.vault-meta`, upstream's JSON document. The types here are the document itself, so that members which this version does
 * not know travel through every rewrite. Times are Unix seconds; 0 stands for unknown.
 */
const knownVersion = 1;

/** Upstream's parser refuses a factor that it does not know and ignores members: what is ours alone lives under this one. */
const ourKey = 'open_sesame_devices';

export interface EnrolledFactor extends JsonObject {
  readonly factor_id: PolicyFactorId;
  readonly label: string;
  readonly enrolled_at: number;
}

/** How the vault came to be; a record that nothing depends on. */
export type InitMode = 'password' | 'ssh-key-only' | { readonly 'multi-factor': { readonly factors: PolicyFactorId[] } };

interface OurSection extends JsonObject {
  readonly crypto?: VaultSuite;
  readonly recovery?: { readonly enrolled_at: number };
  /** The oldest vaults: the stretched password is the master key and there is no password-wrap. */
  readonly password_is_master_key?: boolean;
}

export interface VaultMeta extends JsonObject {
  readonly version: number;
  readonly init_mode: InitMode;
  readonly enrolled_factors: readonly EnrolledFactor[];
  readonly auth_policy: AuthPolicy;
  readonly created_at: number;
  readonly policy_changed_at: number;
  readonly [ourKey]?: OurSection;
}

/** The metadata of a new vault. */
export function newVaultMeta(policy: AuthPolicy, suite: VaultSuite, factors: readonly EnrolledFactor[], now: number): VaultMeta {
  return { ...foreignVaultMeta(policy, factors, now), [ourKey]: { crypto: { kdf: suite.kdf, hkdf: suite.hkdf } } };
}

/** Metadata as upstream has it, without anything of ours. */
export function foreignVaultMeta(policy: AuthPolicy, factors: readonly EnrolledFactor[], now = 0): VaultMeta {
  return {
    version: knownVersion,
    init_mode: initModeOf(factors.map((factor) => factor.factor_id)),
    enrolled_factors: factors,
    auth_policy: policy,
    created_at: now,
    policy_changed_at: now,
  };
}

function initModeOf(factors: PolicyFactorId[]): InitMode {
  const [first] = factors;
  if (factors.length === 1 && first === 'password') return 'password';
  if (factors.length === 1 && first === 'ssh-agent') return 'ssh-key-only';
  return { 'multi-factor': { factors } };
}

export function suiteOf(meta: VaultMeta): VaultSuite {
  return meta[ourKey]?.crypto ?? defaultVaultSuite;
}

/** When the recovery key was made, or undefined when the vault has none. */
export function recoveryEnrolledAt(meta: VaultMeta): number | undefined {
  return meta[ourKey]?.recovery?.enrolled_at;
}

/** Undefined when the document does not say: then the files decide. */
export function passwordIsMasterKey(meta: VaultMeta): boolean | undefined {
  const section = meta[ourKey];
  return section === undefined ? undefined : (section.password_is_master_key ?? false);
}

export function withRecovery(meta: VaultMeta, enrolledAt: number | undefined): VaultMeta {
  const { recovery: _, ...rest } = meta[ourKey] ?? {};
  return withOurs(meta, enrolledAt === undefined ? rest : { ...rest, recovery: { enrolled_at: enrolledAt } });
}

export function withPasswordAsMasterKey(meta: VaultMeta, direct: boolean): VaultMeta {
  const { password_is_master_key: _, ...rest } = meta[ourKey] ?? {};
  return withOurs(meta, direct ? { ...rest, password_is_master_key: true } : rest);
}

function withOurs(meta: VaultMeta, section: OurSection): VaultMeta {
  return { ...meta, [ourKey]: section };
}

/** The same vault with other factors; those it had keep their entries. */
export function withFactors(meta: VaultMeta, factors: readonly EnrolledFactor[]): VaultMeta {
  const before = new Map(meta.enrolled_factors.map((factor) => [factor.factor_id, factor]));
  return { ...meta, enrolled_factors: factors.map((factor) => before.get(factor.factor_id) ?? factor) };
}

/** The same vault with one factor enrolled anew. */
export function withRenewedFactor(meta: VaultMeta, id: PolicyFactorId, label: string, enrolledAt: number): VaultMeta {
  const renew = (factor: EnrolledFactor) => (factor.factor_id === id ? { ...factor, label, enrolled_at: enrolledAt } : factor);
  return { ...meta, enrolled_factors: meta.enrolled_factors.map(renew) };
}

export function withoutFactor(meta: VaultMeta, id: FactorId): VaultMeta {
  return { ...meta, enrolled_factors: meta.enrolled_factors.filter((factor) => factor.factor_id !== id) };
}

export function serialiseVaultMeta(meta: VaultMeta): Buffer {
  return Buffer.from(`${JSON.stringify(meta, null, 2)}\n`, 'utf8');
}

/**
 * @param path for messages
 * @throws SesameError file-damaged, file-too-new
 */
export function parseVaultMeta(path: string, bytes: Uint8Array): VaultMeta {
  const document = parseObject(path, bytes);
  // The version comes first: a newer one may mean anything by the other members.
  const version = document['version'];
  if (typeof version === 'number' && Number.isInteger(version) && version > knownVersion) {
    throw SesameError.of('file-too-new', { path, version, known: knownVersion });
  }
  if (version !== knownVersion) throw damaged(path, '"version" is missing or not 1');
  if (isVaultMeta(document)) return document;
  throw damaged(path, problemOf(document));
}

function parseObject(path: string, bytes: Uint8Array): JsonObject {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const document: unknown = JSON.parse(text);
    if (isObject(document)) return document;
  } catch (thrown) {
    // V8's message would quote the file.
    throw SesameError.of('file-damaged', { path, reason: 'it is not JSON in UTF-8' }, thrown);
  }
  throw damaged(path, 'it is not a JSON object');
}

function damaged(path: string, reason: string): SesameError {
  return SesameError.of('file-damaged', { path, reason });
}

const members: Readonly<Record<string, (value: unknown) => boolean>> = {
  init_mode: isInitMode,
  enrolled_factors: listOf(isEnrolledFactor),
  auth_policy: isAuthPolicy,
  created_at: isNatural,
  policy_changed_at: isNatural,
  [ourKey]: optional(isOurSection),
};

function isVaultMeta(document: JsonObject): document is VaultMeta {
  return Object.entries(members).every(([name, holds]) => holds(document[name]));
}

function problemOf(document: JsonObject): string {
  const wrong = Object.entries(members).find(([name, holds]) => !holds(document[name]));
  return `"${wrong?.[0]}" is missing or has a value that this version does not know`;
}

function isEnrolledFactor(value: unknown): value is EnrolledFactor {
  return (
    isObject(value) &&
    isPolicyFactorId(value['factor_id']) &&
    typeof value['label'] === 'string' &&
    isNatural(value['enrolled_at'])
  );
}

function isInitMode(value: unknown): value is InitMode {
  if (value === 'password' || value === 'ssh-key-only') return true;
  return listOf(isPolicyFactorId)(field(field(value, 'multi-factor'), 'factors'));
}

function isAuthPolicy(value: unknown): value is AuthPolicy {
  if (value === 'any' || value === 'all') return true;
  const policy = field(value, 'policy');
  const additional = field(policy, 'additional_required');
  return listOf(isPolicyFactorId)(field(policy, 'required')) && isNatural(additional);
}

function isOurSection(value: unknown): value is OurSection {
  return (
    isObject(value) &&
    optional(isSuite)(value['crypto']) &&
    optional((recovery) => isNatural(field(recovery, 'enrolled_at')))(value['recovery']) &&
    optional((flag) => typeof flag === 'boolean')(value['password_is_master_key'])
  );
}

function isSuite(value: unknown): value is VaultSuite {
  const kdf = field(value, 'kdf');
  const hkdf = field(value, 'hkdf');
  return (kdf === 'argon2id' || kdf === 'pbkdf2-sha256') && (hkdf === 'blake3' || hkdf === 'hkdf-sha256');
}
