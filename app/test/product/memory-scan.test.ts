// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { openAesGcm } from '../../src/crypto/aead.ts';
import { entryKeyContext, vaultKeyContext } from '../../src/crypto/contexts.ts';
import { deriveKey } from '../../src/crypto/derive.ts';
import { passwordKey } from '../../src/crypto/password.ts';
import { defaultVaultSuite } from '../../src/crypto/suite.ts';
import { challengeOf } from '../../src/factors/ssh-agent.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { SshAgent } from '../../src/ssh/agent.ts';
import { connectClient, readSecret } from '../support/client.ts';
import { type DaemonName, Device, password } from '../support/device.ts';
import { scanMemory } from '../support/memory-scan.ts';
import { RealAgent } from '../support/ssh-agent.ts';

const profile = 'device';
const idleCloseMs = 300;
const daemons: readonly DaemonName[] = ['daemon-profile', 'daemon-secrets'];

interface Keys {
  readonly masterKey: Buffer;
  readonly vaultKey: Buffer;
  readonly entryKey: Buffer;
}

/** The keys of a vault, worked out from its files and the password. */
async function keysOf(device: Device): Promise<Keys> {
  const memory = openSecretMemory();
  const file = (suffix: string) => readFileSync(join(device.stateDirectory, 'vaults', `${profile}.${suffix}`));
  const kek = await passwordKey(memory, 'argon2id', Buffer.from(password), file('salt'));
  const masterKey = openAesGcm(memory, kek, file('password-wrap').subarray(1));
  assert.ok(masterKey !== undefined, 'the password opens the wrap');
  const vaultKey = deriveKey(memory, 'blake3', vaultKeyContext(profile), masterKey.bytes);
  const entryKey = deriveKey(memory, 'blake3', entryKeyContext, vaultKey.bytes);
  return {
    masterKey: Buffer.from(masterKey.bytes),
    vaultKey: Buffer.from(vaultKey.bytes),
    entryKey: Buffer.from(entryKey.bytes),
  };
}

/** The inner bytes of the signatures that open the vault, by the agent itself. */
function signaturesOf(device: Device, real: RealAgent): Buffer[] {
  const memory = openSecretMemory();
  const salt = readFileSync(join(device.stateDirectory, 'vaults', `${profile}.salt`));
  const challenge = challengeOf({ memory, profile, salt, suite: defaultVaultSuite });
  const agent = SshAgent.connect(memory, real.socket);
  const signatures = agent.identities().map(({ key }) => Buffer.from(agent.sign(key, challenge).bytes));
  agent.close();
  return signatures;
}

describe('a scan of all readable memory of both daemons', {
  skip: process.getuid?.() === 0 ? false : 'only root reads the memory of a process that is not dumpable',
}, () => {
  const marker = `marker-${randomBytes(16).toString('hex')}`;
  /** Every value begins with it, so that one search finds any of them. */
  const valuePrefix = randomBytes(32);
  let device: Device;
  let keys: Keys;
  let signatures: Buffer[];

  /** With a key of each kind, the second in place of the first. */
  async function unlockBySsh(): Promise<void> {
    const real = await RealAgent.start();
    try {
      const [ed25519, rsa] = [real.add('ed25519', 'ed25519'), real.add('rsa', 'rsa', '-b', '2048')];
      const steps = [
        ['ssh', 'enroll', '-p', profile, '--key', `${ed25519}.pub`],
        ['factor', 'replace', 'ssh-agent', '-p', profile, '--key', `${rsa}.pub`],
        ['lock', '-p', profile],
        ['unlock', '-p', profile, '--ssh-agent'],
      ];
      for (const step of steps) {
        const { code, stderr } = await device.sesame(step, '', { SSH_AUTH_SOCK: real.socket });
        assert.equal(code, 0, stderr);
      }
      signatures = signaturesOf(device, real);
      assert.equal(signatures.length, 2);
    } finally {
      await real.stop();
    }
  }

  before(async () => {
    device = new Device(
      `[global.rate_limit]\nper_second = 100000\nburst = 100000\n[global.secrets]\nidle_close_ms = ${idleCloseMs}\n`,
    );
    for (const name of daemons) device.launch(name, { HOME: `/${marker}` });
    await device.answers();
    await device.initialise();
    keys = await keysOf(device);
    const client = await connectClient(device);
    for (let count = 0; count < 1000; count += 1) {
      const name = `name/${count % 100}`;
      const value = Buffer.concat([valuePrefix, randomBytes(count % 900)]);
      await client.request('secret-set', { profile, name }, value);
      assert.ok((await readSecret(client, profile, name)).equals(value));
    }
    await client.close();
    for (const name of ['bus', 'daemon-secrets']) await device.must(['keys', 'rotate', name]);
    await device.must(['lock', '-p', profile]);
    await device.unlock();
    await unlockBySsh();
  });

  after(() => device.dispose());

  function findings(needles: Readonly<Record<string, Buffer>>): string[] {
    const names = Object.keys(needles);
    return daemons.flatMap((daemon) =>
      scanMemory(device.pid(daemon), Object.values(needles)).findings.map(
        ({ needle, mapping }) => `${names[needle]} in ${daemon} ${mapping}`,
      ),
    );
  }

  /** A piece finds every copy of the whole, and one that was overwritten at its ends. A number of OpenSSL begins with its last byte. */
  function signatureNeedles(): Record<string, Buffer> {
    const both = signatures.flatMap((signature) => [signature, Buffer.from(signature).reverse()]);
    return Object.fromEntries(both.map((bytes, index) => [`a piece of a signature, ${index}`, bytes.subarray(16, 48)]));
  }

  it('finds a planted marker in each of them', () => {
    for (const daemon of daemons) {
      const { findings: found, bytesRead } = scanMemory(device.pid(daemon), [Buffer.from(marker)]);
      assert.ok(found.length > 0, `${daemon}, ${bytesRead} bytes read`);
    }
  });

  it('finds no secret value, password, signature, master key or entry key', async () => {
    const client = await connectClient(device);
    await readSecret(client, profile, 'name/7');
    await client.close();
    const { masterKey, entryKey } = keys;
    assert.deepEqual(
      findings({
        'a value': valuePrefix,
        'the password': Buffer.from(password),
        ...signatureNeedles(),
        'the master key': masterKey,
        'the entry key': entryKey,
      }),
      [],
    );
  });

  it('finds no vault key after the idle time, neither raw nor as text', async () => {
    await wait(idleCloseMs * 3);
    const { vaultKey } = keys;
    assert.deepEqual(findings({ 'the vault key': vaultKey, 'its hexadecimal text': Buffer.from(vaultKey.toString('hex')) }), []);
  });

  it('finds nothing at all after lock', async () => {
    await device.must(['lock']);
    assert.deepEqual(
      findings({ 'a value': valuePrefix, 'the password': Buffer.from(password), ...signatureNeedles(), ...keys }),
      [],
    );
  });
});
