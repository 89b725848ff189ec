// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';
import type { Identity, SshAgent } from '../ssh/agent.ts';
import { type PublicKey, parsePublicKeyFile, requireSuitable } from '../ssh/public-key.ts';
import type { Invocation } from './invocation.ts';
import { say } from './streams.ts';
import { chooseOnTerminal } from './terminal.ts';

/** Far above a `.pub` file. */
const longestKeyFile = 65_536;

/**
 * The key to enrol: by --fingerprint, by --key, the only one that can serve, or chosen on the terminal.
 * @throws SesameError usage, ssh-key-missing, ssh-key-unsuitable, ssh-key-file-invalid, and what the agent throws
 */
export function chooseKey(agent: SshAgent, invocation: Invocation): PublicKey {
  const held = agent.identities();
  const wanted = wantedFingerprint(invocation);
  if (wanted !== undefined) return findKey(agent, held, wanted);
  const suitable = held.filter(({ key }) => 'numbers' in key.suitability);
  const [first] = suitable;
  if (first === undefined) throw noneSuitable(agent, held);
  const chosen = suitable.length === 1 ? first : chooseAmong(suitable);
  if (chosen === undefined) throw invocation.refuse('the agent holds several keys; name one with --fingerprint or --key');
  say(`the ssh key is ${chosen.key.fingerprint} (${chosen.comment})`);
  return chosen.key;
}

/**
 * A key that the agent holds and that can serve.
 * @throws SesameError ssh-key-missing, ssh-key-unsuitable
 */
export function findKey(agent: SshAgent, held: readonly Identity[], fingerprint: string): PublicKey {
  const found = held.find(({ key }) => key.fingerprint === fingerprint);
  if (found === undefined) throw SesameError.of('ssh-key-missing', { where: agent.where, wanted: `the key ${fingerprint}` });
  requireSuitable(found.key);
  return found.key;
}

function wantedFingerprint(invocation: Invocation): string | undefined {
  const fingerprint = invocation.value('fingerprint');
  const path = invocation.value('key');
  if (fingerprint !== undefined && path !== undefined) throw invocation.refuse('--fingerprint and --key exclude each other');
  return path === undefined ? fingerprint : fingerprintOfFile(path);
}

function fingerprintOfFile(path: string): string {
  const bytes = readBounded(path, longestKeyFile);
  const key = bytes === undefined ? 'there is no such file' : parsePublicKeyFile(bytes.toString('latin1'));
  if (typeof key === 'string') throw SesameError.of('ssh-key-file-invalid', { path, reason: key });
  requireSuitable(key);
  return key.fingerprint;
}

function noneSuitable(agent: SshAgent, [only, another]: readonly Identity[]): SesameError {
  if (only !== undefined && another === undefined) {
    const { fingerprint, type, suitability } = only.key;
    const reason = 'reason' in suitability ? suitability.reason : '';
    return SesameError.of('ssh-key-unsuitable', { fingerprint, type, reason });
  }
  return SesameError.of('ssh-key-missing', { where: agent.where, wanted: 'an Ed25519 or RSA key' });
}

function chooseAmong(identities: readonly Identity[]): Identity | undefined {
  const lines = identities.map(({ key, comment }) => `${key.fingerprint}  ${key.type}  ${comment}`);
  const chosen = chooseOnTerminal('which ssh key', lines);
  return chosen === undefined ? undefined : identities[chosen];
}
