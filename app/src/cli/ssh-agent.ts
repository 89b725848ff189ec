// SPDX-License-Identifier: MIT
import { resolvePaths } from '../config/paths.ts';
import { SesameError } from '../core/errors.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import { SshAgent } from '../ssh/agent.ts';
import type { Invocation } from './invocation.ts';

/** Where the agent listens: the command line, then the environment, which `ssh -A` sets, then the configuration. */
export async function agentSocket(invocation: Invocation): Promise<string | undefined> {
  const named = invocation.value('agent-socket') ?? process.env['SSH_AUTH_SOCK'] ?? '';
  return named === '' ? await configuredSocket() : named;
}

/** @throws SesameError ssh-agent-unreachable, and what the work throws */
export async function withAgent<Result>(
  memory: SecretMemory,
  invocation: Invocation,
  work: (agent: SshAgent) => Result,
): Promise<Result> {
  const socket = await agentSocket(invocation);
  if (socket === undefined)
    throw SesameError.of('ssh-agent-unreachable', { where: 'SSH_AUTH_SOCK', reason: 'this variable is not set' });
  const agent = SshAgent.connect(memory, socket);
  try {
    return work(agent);
  } finally {
    agent.close();
  }
}

/** Read only where there is nothing else: TOML costs more than the rest of a start. */
async function configuredSocket(): Promise<string | undefined> {
  const { loadConfiguration } = await import('../config/load.ts');
  const { configuration } = loadConfiguration(resolvePaths(process.env, process.getuid?.() ?? 0));
  return configuration.global.ssh.agent_socket;
}
