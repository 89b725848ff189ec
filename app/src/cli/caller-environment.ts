// SPDX-License-Identifier: MIT

/** The launcher keeps what the caller set for a Node of its own under this prefix, away from the Node that runs sesame. */
const keptPrefix = 'SESAME_CALLER_';

/** The environment as the caller of sesame had it. */
export function callerEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => name.startsWith(keptPrefix));
  const others = Object.entries(environment).filter(([name]) => !name.startsWith(keptPrefix));
  return Object.fromEntries([...others, ...kept.map(([name, value]) => [name.slice(keptPrefix.length), value] as const)]);
}
