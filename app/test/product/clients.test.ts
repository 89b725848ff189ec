// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BusClient } from '../../src/bus/client.ts';
import type { RequestBody, RequestKind } from '../../src/bus/messages.ts';
import type { SecurityLevel } from '../../src/core/clearance.ts';
import { generateKeyPair } from '../../src/crypto/noise.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { times } from '../support/audited-operations.ts';
import { failureOf, readSecret } from '../support/client.ts';
import type { Device } from '../support/device.ts';
import { asUser, connectAs, otherUsersMissing, sesameAs, startForOthers, type User } from '../support/other-user.ts';

const skip = otherUsersMissing;

describe('a client of another user', { skip }, () => {
  const memory = openSecretMemory();
  const { publicKey, privateKey } = generateKeyPair();
  const key = { publicKey, privateKey: memory.take(privateKey) };
  let device: Device;

  before(async () => {
    device = await startForOthers(`
[clients.by-uid]
uid = 61001
[clients.by-gid]
gid = 61002
[clients.by-key]
uid = 61004
key = "${publicKey.toString('hex')}"
`);
    await device.must(['secret', 'set', '-p', 'device', 'name'], 'value');
    writeFileSync(join(device.stateDirectory, 'rules.toml'), '');
    process.kill(device.pid('daemon-secrets'), 'SIGHUP');
  });

  after(async () => {
    key.privateKey.release();
    await device.dispose();
  });

  const canRead = async (user: User) => (await asUser(device, user, (client) => readSecret(client, 'device', 'name'))).toString();

  for (const args of [['status'], ['secret', 'get', '-p', 'device', 'name'], ['lock']]) {
    it(`that matches nothing is refused at "sesame ${args.join(' ')}" with exit 5 and its uid`, async () => {
      const { code, stdout, stderr } = await sesameAs(device, { uid: 65_534 }, args);
      assert.equal(code, 5, stderr);
      assert.match(stderr, /^sesame: .*uid 65534 matches no client/);
      assert.equal(stdout.length, 0);
    });
  }

  it('that matches nothing is refused before the handshake', async () => {
    const statusBefore = JSON.parse((await device.must(['status', '--json'])).toString());
    for (let count = 0; count < 100; count += 1)
      assert.equal(await failureOf(connectAs(device, { uid: 65_534 })), 'client-refused');
    const statusAfter = JSON.parse((await device.must(['status', '--json'])).toString());
    const states = ({ vaults }: { vaults: { profile: string; state: string }[] }) =>
      vaults.map(({ profile, state }) => [profile, state]);
    assert.deepEqual(states(statusAfter), states(statusBefore));
    const line = /a connection is refused.*uid=65534.*/.exec(device.log('daemon-profile'))?.[0] ?? '';
    assert.match(line, /client-refused/);
  });

  it('is recognised by its uid, whatever its groups', async () => {
    assert.equal(await canRead({ uid: 61_001, gid: 65_534 }), 'value');
  });

  it('is recognised by its group, whatever its uid', async () => {
    assert.equal(await canRead({ uid: 65_534, gid: 61_002 }), 'value');
  });

  it('is recognised by a supplementary group', async () => {
    assert.equal(await canRead({ uid: 65_534, gid: 65_534, groups: [7, 61_002, 9] }), 'value');
  });

  it('is recognised by its key, and refused with another one', async () => {
    const suite = { cipher: 'chacha-poly', hash: 'blake2s' } as const;
    process.seteuid?.(61_004);
    try {
      const client = await BusClient.connect({ memory, runtimeDirectory: device.runtimeDirectory, suite, key });
      assert.equal((await readSecret(client, 'device', 'name')).toString(), 'value');
      await client.close();
    } finally {
      process.seteuid?.(0);
    }
    const refused = await sesameAs(device, { uid: 61_004 }, ['secret', 'get', '-p', 'device', 'name']);
    assert.equal(refused.code, 5, refused.stderr);
    assert.match(refused.stderr, /uid 61004 matches no client/);
  });

  it('is named in the audit chain with its uid, and so is one that was refused', async () => {
    const refusalsOf = (wanted: number) =>
      times(device, ({ action, outcome, uid }) => action === 'connect' && outcome === 'denied' && uid === wanted);
    await device.eventually('every refusal is accounted for', () => refusalsOf(65_534) === 103 && refusalsOf(61_004) === 1);
    const readsOf = (name: string, wanted: number) =>
      times(
        device,
        ({ action, client, uid, outcome }) => action === 'get' && client === name && uid === wanted && outcome === 'success',
      );
    await device.eventually('every read is accounted for', () => readsOf('by-gid', 65_534) === 2);
    assert.deepEqual([readsOf('by-uid', 61_001), readsOf('by-key', 61_004)], [1, 1]);
  });
});

/** What each clearance has to suffice for, written down once more: a level that is lowered by accident opens a door. */
const kindsOfLevel = {
  open: ['profile-status', 'bus-subscribe', 'secrets-status'],
  internal: [
    'profile-list',
    'audit-append',
    'vault-report',
    'machine-binding',
    'audit-verify',
    'audit-standing',
    'factor-list',
    'tpm-status',
    'tpm-sealed-pcrs',
    'tpm-pcrs',
  ],
  'profile-scoped': ['secret-get', 'secret-list', 'secret-environment'],
  'secrets-only': [
    ...(['installation-init', 'profile-activate', 'profile-deactivate', 'profile-default', 'audit-tail', 'key-rotate'] as const),
    ...(['rules-discard', 'audit-acknowledge'] as const),
    ...(['vault-init', 'vault-unlock', 'vault-lock', 'vault-rekey', 'vault-check', 'ssh-challenge'] as const),
    ...(['secret-set', 'secret-delete', 'factor-add', 'factor-replace', 'factor-remove'] as const),
    ...(['tpm-cap', 'tpm-approvals', 'tpm-authorize'] as const),
  ],
} as const satisfies Record<SecurityLevel, readonly RequestKind[]>;
const levels = ['open', 'internal', 'profile-scoped', 'secrets-only'] as const;

const profile = 'nowhere';
const named = { profile, name: 'name' };
const evidence: [] = [];
const forged = {
  action: 'get',
  profile,
  key: null,
  requester: 'me',
  requester_name: 'admin',
  requester_uid: 0,
  outcome: 'forged',
};

/** A body for each kind that does no harm when it is let through. */
const bodies: { readonly [Kind in RequestKind]: RequestBody<Kind> } = {
  'profile-status': {},
  'bus-subscribe': { kinds: [] },
  'secrets-status': {},
  'profile-list': {},
  'audit-append': { entries: [forged], durable: true },
  'vault-report': { profile, state: 'unlocked' },
  'audit-verify': {},
  'audit-standing': { earlier: 1 },
  'factor-list': { profile },
  'machine-binding': { profile, binding_hash: '0'.repeat(64), renewed: true },
  'tpm-status': {},
  'tpm-sealed-pcrs': { profile },
  'tpm-pcrs': { bank: 'sha256' },
  'tpm-cap': {},
  'secret-get': named,
  'secret-list': { profile, limit: 1 },
  'secret-environment': { profiles: [profile] },
  'installation-init': { profile },
  'rules-discard': { profile },
  'audit-acknowledge': {},
  'profile-activate': { profile },
  'profile-deactivate': { profile },
  'profile-default': { profile },
  'audit-tail': { entries: 1 },
  'key-rotate': { name: 'nobody' },
  'vault-init': { profile, evidence, policy: 'any', recovery_key: false },
  'vault-unlock': { profile, evidence },
  'vault-lock': { profile },
  'vault-rekey': { profile, evidence, recovery_key: false },
  'vault-check': { profile },
  'ssh-challenge': { profile },
  'secret-set': named,
  'secret-delete': named,
  'factor-add': { profile, factor: 'recovery', evidence },
  'factor-replace': { profile, factor: 'recovery', evidence },
  'factor-remove': { profile, factor: 'recovery', evidence },
  'tpm-approvals': { profile },
  'tpm-authorize': { profile, bank: 'sha256', values: [{ pcr: 4, value: '' }], label: 'nothing' },
};

async function codeOf(client: BusClient, kind: RequestKind): Promise<string> {
  return await failureOf(client.request(kind, bodies[kind]).then(({ attachment }) => attachment?.release()));
}

describe('the clearance of a client', { skip }, () => {
  let device: Device;
  const uidOf = (level: SecurityLevel) => 61_100 + levels.indexOf(level);

  before(async () => {
    const clients = levels.map((level) => `[clients.cleared-${level}]\nuid = ${uidOf(level)}\nclearance = "${level}"\n`);
    device = await startForOthers(clients.join(''));
  });

  after(() => device.dispose());

  it('is asked for by every kind of request that there is', () => {
    assert.deepEqual(Object.values(kindsOfLevel).flat().sort(), Object.keys(bodies).sort());
  });

  for (const clearance of levels) {
    it(`${clearance} suffices for requests up to that level and for none above`, async () => {
      await asUser(device, { uid: uidOf(clearance) }, async (client) => {
        for (const level of levels) {
          const cleared = levels.indexOf(level) <= levels.indexOf(clearance);
          for (const kind of kindsOfLevel[level]) {
            const code = await codeOf(client, kind);
            assert.equal(code !== 'clearance-too-low', cleared, `${kind}: ${code}`);
            assert.notEqual(code, 'message-invalid', kind);
          }
        }
      });
    });

    it(`${clearance} never passes for that of daemon-secrets`, async () => {
      await asUser(device, { uid: uidOf(clearance) }, async (client) => {
        const expected = clearance === 'open' ? 'clearance-too-low' : 'access-denied';
        assert.equal(await codeOf(client, 'audit-append'), expected);
        assert.equal(await codeOf(client, 'vault-report'), expected);
        assert.equal(await codeOf(client, 'machine-binding'), expected);
      });
    });
  }

  it('that is too low ends a command with exit 5, naming client, clearance and remedy', async () => {
    const { code, stderr } = await sesameAs(device, { uid: uidOf('profile-scoped') }, ['lock']);
    assert.equal(code, 5);
    assert.match(stderr, /cleared-profile-scoped has clearance profile-scoped and vault-lock needs secrets-only; .*\[clients\]/);
  });

  it('that is too low leaves the vault unlocked and no forged entry in the audit chain', async () => {
    const status = JSON.parse((await device.must(['status', '--json'])).toString());
    assert.deepEqual(
      status.vaults.map(({ state }: { state: string }) => state),
      ['unlocked'],
    );
    assert.ok(!JSON.stringify(device.auditEntries()).includes('forged'));
  });
});
