// SPDX-License-Identifier: MIT
import { BlockingClient, type Requester } from '../bus/blocking-client.ts';
import { resolveBusDirectory, resolvePaths } from '../config/paths.ts';
import { SesameError } from '../core/errors.ts';
import { requireProfileName } from '../core/names.ts';
import { defaultNoiseSuite, type NoiseSuite } from '../crypto/suite.ts';
import { denyTracing, hardenProcess } from '../linux/process.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import { openSecretMemory } from '../memory/secret-memory.ts';
import { confineCommand } from './confine.ts';
import type { Invocation } from './invocation.ts';

/** A connection to the daemons while a command runs. */
export interface Session {
  readonly memory: SecretMemory;
  readonly bus: Requester;
}

interface SessionOptions {
  /** The process becomes somebody else's program, which inherits umask, limits and privileges: they stay as they are. */
  readonly inherited?: boolean;
}

/**
 * Closes the process to others, connects and runs the work. The process ends soon after, or becomes another one: then the kernel closes the
 * socket and clears the memory sooner than a polite goodbye would be answered.
 * @throws SesameError daemon-unreachable, client-refused, handshake-failed, and what the work throws
 */
export async function withSession<Result>(
  work: (session: Session) => Promise<Result>,
  { inherited = false }: SessionOptions = {},
): Promise<Result> {
  if (inherited) {
    denyTracing();
  } else {
    hardenProcess();
    confineCommand();
  }
  // One value at a time is in flight here, so nothing is gained by keeping pages.
  const memory = openSecretMemory({ pooledPages: 2 });
  return await work({ memory, bus: await connect(memory) });
}

/** Where the bus is and how it speaks. */
interface Endpoint {
  readonly runtimeDirectory: string;
  readonly socketPath?: string;
  readonly suite: NoiseSuite;
}

/**
 * Two settings of the configuration matter to a client, and hardly any device changes them. Reading TOML would cost every command more
 * than the rest of its start, so the defaults are tried first and the configuration is asked only when they fail.
 */
async function connect(memory: SecretMemory): Promise<Requester> {
  const paths = resolvePaths(process.env, process.getuid?.() ?? 0);
  const usual: Endpoint = { runtimeDirectory: resolveBusDirectory(paths), suite: defaultNoiseSuite };
  try {
    return BlockingClient.connect({ memory, ...usual });
  } catch (thrown) {
    const configurable =
      thrown instanceof SesameError && ['handshake-failed', 'daemon-unreachable', 'connection-closed'].includes(thrown.code);
    if (!configurable) throw thrown;
    const { configuredEndpoint } = await import('./endpoint.ts');
    const configured = configuredEndpoint(paths);
    if (configured === undefined) throw thrown;
    return BlockingClient.connect({ memory, runtimeDirectory: usual.runtimeDirectory, ...configured });
  }
}

/**
 * The profile that a command is about: the one that was named, or the default profile.
 * @throws SesameError profile-name-invalid
 */
export async function profileOf({ bus }: Session, invocation: Invocation, argument?: string): Promise<string> {
  const named = argument ?? invocation.value('profile');
  if (named !== undefined) return requireProfileName(named);
  const { body } = await bus.request('profile-status', {});
  return body.default_profile;
}

/** Checks the names on the command line before anything is asked, prompted for or sent. */
export function checkProfileNames(invocation: Invocation): void {
  for (const name of invocation.values('profile')) requireProfileName(name);
}
