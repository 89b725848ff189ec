// SPDX-License-Identifier: MIT
import type { Requester } from '../bus/blocking-client.ts';
import type { ReplyBody } from '../bus/messages.ts';
import { SesameError } from '../core/errors.ts';
import { Exit } from '../core/exit.ts';

type ProfileStatus = ReplyBody<'profile-status'>;
type SecretsStatus = ReplyBody<'secrets-status'>;
export type DaemonHealth = ProfileStatus['daemon'];
export type VaultStatus = SecretsStatus['vaults'][number];

export const daemonNames = ['daemon-profile', 'daemon-secrets'] as const;

/** A daemon that answers, or why it does not. */
export type DaemonReport =
  | ({ readonly reachable: true } & DaemonHealth)
  | { readonly name: string; readonly reachable: false; readonly problem: string };

/** What `sesame status --json` prints. Members are added, never renamed or removed. */
export interface StatusReport {
  readonly installation: string | null;
  readonly default_profile: string | null;
  readonly daemons: readonly DaemonReport[];
  readonly connected: readonly string[];
  readonly connections: number;
  readonly audit: ProfileStatus['audit'] | null;
  readonly machine_binding: NonNullable<ProfileStatus['machine_binding']> | null;
  readonly vaults: readonly VaultStatus[];
}

/** A status is asked for when something is wrong: it does not wait long for what hangs. */
const statusTimeoutMs = 5000;

/** Asks both daemons; one that is out of reach is part of the report. */
export async function gatherStatus(bus: Requester): Promise<StatusReport> {
  const options = { timeoutMs: statusTimeoutMs };
  const [profile, secrets] = await Promise.all([
    answerOrProblem(bus.request('profile-status', {}, undefined, options)),
    answerOrProblem(bus.request('secrets-status', {}, undefined, options)),
  ]);
  return {
    installation: profile.body?.installation ?? null,
    default_profile: profile.body?.default_profile ?? null,
    daemons: [reportOf('daemon-profile', profile), reportOf('daemon-secrets', secrets)],
    connected: profile.body?.connected ?? [],
    connections: profile.body?.connections ?? 0,
    audit: profile.body?.audit ?? null,
    machine_binding: profile.body?.machine_binding ?? null,
    vaults: secrets.body?.vaults ?? [],
  };
}

/** The report when there is not even a bus. */
export function withoutBus(error: SesameError): StatusReport {
  return {
    installation: null,
    default_profile: null,
    daemons: daemonNames.map((name) => ({ name, reachable: false, problem: error.message })),
    connected: [],
    connections: 0,
    audit: null,
    machine_binding: null,
    vaults: [],
  };
}

/** The parts of a daemon's sandbox; none from a daemon of a version before there was one. */
export function confinementsOf({ sandbox }: DaemonHealth) {
  if (sandbox === undefined) return [];
  const { landlock, seccomp } = sandbox;
  return [
    { mechanism: 'landlock', ...landlock },
    { mechanism: 'seccomp', ...seccomp },
  ];
}

/** Whether an error says that a daemon is out of reach. */
export function isUnreachable(thrown: unknown): thrown is SesameError {
  return thrown instanceof SesameError && thrown.exit === Exit.unreachable;
}

interface Answer<Body> {
  readonly body?: Body;
  readonly problem?: string;
}

async function answerOrProblem<Body>(request: Promise<{ readonly body: Body }>): Promise<Answer<Body>> {
  try {
    return { body: (await request).body };
  } catch (thrown) {
    if (isUnreachable(thrown)) return { problem: thrown.message };
    throw thrown;
  }
}

function reportOf(name: string, { body, problem = '' }: Answer<{ readonly daemon: DaemonHealth }>): DaemonReport {
  return body === undefined ? { name, reachable: false, problem } : { reachable: true, ...body.daemon };
}
