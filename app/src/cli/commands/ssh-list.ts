// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import { hardenProcess } from '../../linux/process.ts';
import { openSecretMemory } from '../../memory/secret-memory.ts';
import type { Identity } from '../../ssh/agent.ts';
import type { Invocation } from '../invocation.ts';
import { withAgent } from '../ssh-agent.ts';
import { print, printJson, say } from '../streams.ts';
import { table } from '../table.ts';
import { outputIsTerminal } from '../terminal.ts';

/** It asks the agent only: which keys could serve is worth knowing before there are daemons or a vault. */
export async function run(invocation: Invocation): Promise<ExitCode> {
  hardenProcess();
  const identities = await withAgent(openSecretMemory({ pooledPages: 1 }), invocation, (agent) => agent.identities());
  if (invocation.flag('json')) printJson(identities.map(describe));
  else if (outputIsTerminal()) print(table(['FINGERPRINT', 'TYPE', 'COMMENT', 'CAN OPEN A VAULT'], identities.map(row)));
  else print(identities.flatMap(({ key }) => ('numbers' in key.suitability ? [`${key.fingerprint}\n`] : [])).join(''));
  if (identities.length === 0) say('the agent holds no keys, or is locked (ssh-add -X unlocks it)');
  return Exit.done;
}

function describe({ key, comment }: Identity) {
  const { fingerprint, type, bits, suitability } = key;
  const reason = 'reason' in suitability ? suitability.reason : null;
  return { fingerprint, type, bits: bits ?? null, comment, suitable: reason === null, reason };
}

function row({ key, comment }: Identity): string[] {
  const { fingerprint, type, suitability } = key;
  return [fingerprint, type, comment, 'reason' in suitability ? `no: ${suitability.reason}` : 'yes'];
}
