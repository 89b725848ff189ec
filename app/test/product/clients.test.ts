// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { BusClient } from '../../src/bus/client.ts';
import type { RequestBody, RequestKind } from '../../src/bus/messages.ts';
import type { SecurityLevel } from '../../src/core/clearance.ts';
import { generateKeyPair } from '../../src/crypto/noise.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { connectClient, failureOf, readSecret } from '../support/client.ts';
import { Device } from '../support/device.ts';
import {
  asUser,
  connectAs,
  openToOthers,
  otherUsersMissing,
  programsForAll,
  sesameAs,
  type User,
} from '../support/other-user.ts';
import { endOf, ServiceGroup, servicesMissing } from '../support/service.ts';

const skip = otherUsersMissing;

async function start(configuration: string): Promise<Device> {
  const device = new Device(configuration);
  openToOthers(device);
  await device.start();
  await device.initialise();
  return device;
}

interface Operation {
  readonly action: string;
  readonly key: string | null;
  readonly outcome: string;
  readonly client: string | null;
  readonly uid: number;
  readonly repeated: number;
}

/** What the audit chain says was done with secrets, in its order. */
function operations(device: Device): Operation[] {
  return device.auditEntries().flatMap((entry) => {
    const { action, requester_uid: uid, repeated = 1 } = Object(entry);
    const operation = action.SecretOperationAudited;
    if (operation === undefined) return [];
    const { action: what, key, outcome, requester_name: client } = operation;
    return [{ action: what, key, outcome, client, uid, repeated }];
  });
}

/** How often something was done, an entry that stands for many counted as many. */
function times(device: Device, wanted: (operation: Operation) => boolean): number {
  return operations(device)
    .filter(wanted)
    .reduce((sum, { repeated }) => sum + repeated, 0);
}

describe('a client of another user', { skip }, () => {
  const memory = openSecretMemory();
  const { publicKey, privateKey } = generateKeyPair();
  const key = { publicKey, privateKey: memory.take(privateKey) };
  let device: Device;

  before(async () => {
    device = await start(`
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
    device = await start(clients.join(''));
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

const secrets = ['admin/root', 'exact', 'exact/below', 'exactly', 'mqtt', 'mqtt/deep/name', 'mqtt/password', 'mqttx/password'];

describe('the access rules of a profile', { skip }, () => {
  const reader = { uid: 61_201 };
  const writer = { uid: 61_202 };
  const excluded = { uid: 61_203 };
  const unlisted = { uid: 61_204 };
  let device: Device;

  before(async () => {
    device = await start(`
[clients.reader]
uid = ${reader.uid}
[clients.writer]
uid = ${writer.uid}
clearance = "secrets-only"
[clients.excluded]
uid = ${excluded.uid}
[clients.unlisted]
uid = ${unlisted.uid}
[profiles.device.secrets.access]
reader = ["exact", "mqtt/*", "absent"]
writer = ["mqtt/*"]
excluded = []
`);
    const client = await connectClient(device);
    for (const name of secrets) await client.request('secret-set', { profile: 'device', name }, Buffer.from(`value of ${name}`));
    await client.close();
  });

  after(() => device.dispose());

  const allowed = ['exact', 'mqtt/deep/name', 'mqtt/password'];

  it('let a client read what they name, and what is below a trailing /*', async () => {
    await asUser(device, reader, async (client) => {
      for (const name of allowed) assert.equal((await readSecret(client, 'device', name)).toString(), `value of ${name}`);
    });
  });

  it('let it read nothing else, and do not tell it whether that exists', async () => {
    await asUser(device, reader, async (client) => {
      for (const name of [...secrets.filter((secret) => !allowed.includes(secret)), 'no such name', '*', ''])
        assert.equal(await failureOf(readSecret(client, 'device', name)), 'access-denied', name);
      assert.equal(await failureOf(readSecret(client, 'device', 'absent')), 'secret-not-found');
    });
  });

  it('end a command that is denied with exit 5 and the place of the rules', async () => {
    const { code, stdout, stderr } = await sesameAs(device, reader, ['secret', 'get', '-p', 'device', 'admin/root']);
    assert.equal(code, 5, stderr);
    assert.match(stderr, /reader may not get admin\/root; .*\[profiles\.device\.secrets\.access\]/);
    assert.equal(stdout.length, 0);
  });

  it('hold for writing and deleting too', async () => {
    await asUser(device, writer, async (client) => {
      await client.request('secret-set', { profile: 'device', name: 'mqtt/new' }, Buffer.from('new'));
      await client.request('secret-delete', { profile: 'device', name: 'mqtt/new' });
      const set = client.request('secret-set', { profile: 'device', name: 'exact' }, Buffer.from('overwritten'));
      assert.equal(await failureOf(set), 'access-denied');
      assert.equal(await failureOf(client.request('secret-delete', { profile: 'device', name: 'exact' })), 'access-denied');
    });
    assert.equal((await device.must(['secret', 'get', '-p', 'device', 'exact'])).toString(), 'value of exact');
  });

  it('decide which names a client sees in a list', async () => {
    const { code, stdout } = await sesameAs(device, reader, ['secret', 'list', '-p', 'device']);
    assert.equal(code, 0);
    assert.deepEqual(stdout.toString().trim().split('\n'), allowed);
  });

  it('show no other name in any part of the answer, however small its pages', async () => {
    await asUser(device, reader, async (client) => {
      for (const limit of [1, 2, 3]) {
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const { body } = await client.request('secret-list', {
            profile: 'device',
            limit,
            ...(after !== undefined && { after }),
          });
          assert.ok(body.entries.length <= limit);
          for (const name of [...body.entries.map((entry) => entry.name), body.next ?? 'exact'])
            assert.ok(allowed.includes(name), `limit ${limit}: ${name} is shown`);
          seen.push(...body.entries.map((entry) => entry.name));
          after = body.next;
        } while (after !== undefined);
        assert.deepEqual(seen, allowed, `limit ${limit}`);
      }
    });
  });

  it('let nothing else into the environment of a program or into an export', async () => {
    const exported = await sesameAs(device, reader, ['export', '-p', 'device', '--format', 'json']);
    assert.deepEqual(JSON.parse(exported.stdout.toString()), {
      EXACT: 'value of exact',
      MQTT_DEEP_NAME: 'value of mqtt/deep/name',
      MQTT_PASSWORD: 'value of mqtt/password',
    });
    const run = await sesameAs(device, reader, ['env', '-p', 'device', '--', 'env']);
    assert.equal(run.code, 0, run.stderr);
    const values = run.stdout.toString().match(/value of .*/g) ?? [];
    assert.deepEqual(
      values.sort(),
      allowed.map((name) => `value of ${name}`),
    );
  });

  it('with an empty list deny everything, listing, env and export included', async () => {
    for (const words of [['secret', 'list'], ['secret', 'get', 'exact'], ['export']]) {
      const { code, stdout, stderr } = await sesameAs(device, excluded, [...words, '-p', 'device']);
      assert.equal(code, 5, `${words.join(' ')}: ${stderr}`);
      assert.equal(stdout.length, 0);
    }
    const run = await sesameAs(device, excluded, ['env', '-p', 'device', '--', 'echo', 'started']);
    assert.equal(run.code, 5, run.stderr);
    assert.equal(run.stdout.length, 0, 'the program was not started');
  });

  it('deny everything to a client that they do not list, since "init" has written that for all of these', async () => {
    await asUser(device, unlisted, async (client) => {
      for (const name of [...secrets, 'absent'])
        assert.equal(await failureOf(readSecret(client, 'device', name)), 'access-denied', name);
      assert.equal(await failureOf(client.request('secret-list', { profile: 'device', limit: 256 })), 'access-denied');
      assert.equal(await failureOf(client.request('secret-environment', { profiles: ['device'] })), 'access-denied');
    });
    const { code, stderr } = await sesameAs(device, unlisted, ['export', '-p', 'device']);
    assert.equal(code, 5, stderr);
  });

  it('give what they say of "*" to a client that they do not list', async () => {
    const file = join(device.configurationDirectory, 'config.toml');
    const before = readFileSync(file, 'utf8');
    const reload = () => process.kill(device.pid('daemon-secrets'), 'SIGHUP');
    const read = () => asUser(device, unlisted, (client) => failureOf(readSecret(client, 'device', 'mqtt/password')));
    writeFileSync(file, `${before}"*" = ["mqtt/*"]\n`);
    reload();
    await device.eventually('the new rule is in force', async () => (await read()) === 'success');
    await asUser(device, unlisted, async (client) => {
      assert.equal(await failureOf(readSecret(client, 'device', 'exact')), 'access-denied');
    });
    await asUser(device, reader, async (client) => {
      assert.equal(await failureOf(readSecret(client, 'device', 'exact')), 'success', 'whoever has a rule keeps it');
    });
    writeFileSync(file, before);
    reload();
    await device.eventually('the rule is gone', async () => (await read()) === 'access-denied');
  });

  it('deny a profile that nobody knows while rules exist anywhere, to everybody', async () => {
    for (const user of [reader, writer, unlisted]) {
      const code = await asUser(device, user, (client) => failureOf(readSecret(client, 'nowhere', 'exact')));
      assert.equal(code, 'access-denied');
    }
    assert.equal((await device.sesame(['secret', 'get', '-p', 'nowhere', 'exact'])).code, 5);
  });

  it('leave an entry for every read and every denial, with client and uid', async () => {
    const denials = () => times(device, ({ client, outcome }) => client === 'reader' && outcome === 'denied');
    await device.eventually('every denial is accounted for', () => denials() >= 10);
    assert.equal(denials(), 10, 'eight names, one command, one unknown profile');
    const found = operations(device).filter(({ client }) => client === 'reader');
    for (const { uid } of found) assert.equal(uid, reader.uid);
    const read = found.filter(({ action, outcome }) => action === 'get' && outcome === 'success');
    assert.deepEqual(read.map(({ key }) => key).slice(0, 3), allowed);
    const environment = found.filter(({ action, outcome }) => action === 'environment' && outcome === 'success');
    assert.deepEqual(new Set(environment.map(({ key }) => key)), new Set([null]), 'a page is one entry');
    const values = () => times(device, ({ client, action }) => client === 'reader' && action === 'environment');
    await device.eventually('that accounts for every value', () => values() >= 2 * allowed.length);
    assert.equal(values(), 2 * allowed.length);
    assert.ok(found.some(({ action, outcome }) => action === 'get' && outcome === 'not-found'));
  });
});

describe('1,000 denials of one client', { skip }, () => {
  let device: Device;

  before(async () => {
    device = await start(`
[global.rate_limit]
per_second = 100000
burst = 100000
[clients.prober]
uid = 61301
[clients.other]
uid = 61302
[profiles.device.secrets.access]
prober = ["allowed"]
other = []
`);
  });

  after(() => device.dispose());

  it('make a handful of entries that account for every one, beside those of other clients', async () => {
    const startedAt = Date.now();
    await asUser(device, { uid: 61_301 }, async (client) => {
      const codes = new Set<string>();
      for (let count = 0; count < 1000; count += 1) codes.add(await failureOf(readSecret(client, 'device', `guess/${count}`)));
      assert.deepEqual([...codes], ['access-denied']);
      await asUser(device, { uid: 61_302 }, async (other) =>
        assert.equal(await failureOf(readSecret(other, 'device', 'name')), 'access-denied'),
      );
      for (let count = 0; count < 1000; count += 1) assert.equal(await codeOf(client, 'vault-lock'), 'clearance-too-low');
    });
    const seconds = Math.ceil((Date.now() - startedAt) / 1000);
    const isDenial = (wanted: string, kind: string) => (operation: Operation) =>
      operation.client === wanted && operation.action === kind && operation.outcome === 'denied';
    for (const action of ['get', 'vault-lock']) {
      await device.eventually(`every ${action} is accounted for`, () => times(device, isDenial('prober', action)) >= 1000);
      assert.equal(times(device, isDenial('prober', action)), 1000);
      const entries = operations(device).filter(isDenial('prober', action)).length;
      assert.ok(entries <= 2 + seconds, `${entries} entries in ${seconds} s`);
    }
    assert.equal(times(device, isDenial('other', 'get')), 1);
  });
});

describe('the rate limit', { skip }, () => {
  const burst = 40;
  let device: Device;

  before(async () => {
    device = await start(`
[global.rate_limit]
per_second = 20
burst = ${burst}
[clients.greedy]
uid = 61401
[clients.modest]
uid = 61402
[clients.observer]
uid = 61403
[profiles.device.secrets.access]
observer = ["*"]
`);
  });

  after(() => device.dispose());

  async function codesOf(client: BusClient, times: number): Promise<string[]> {
    return await Promise.all(Array.from({ length: times }, () => failureOf(client.request('profile-status', {}))));
  }

  it('lets a burst pass, then refuses, on all connections of a client together, and nobody else notices', async () => {
    await asUser(device, { uid: 61_401 }, async (greedy) => {
      const startedAt = performance.now();
      const passed = (await codesOf(greedy, 100)).filter((code) => code === 'success').length;
      const refilled = ((performance.now() - startedAt) / 1000) * 20;
      assert.ok(
        passed >= burst && passed <= burst + refilled + 1,
        `${passed} of 100 passed, ${refilled} more than the burst may`,
      );
      await asUser(device, { uid: 61_401 }, async (second) => {
        const refused = (await codesOf(second, 30)).filter((code) => code === 'rate-limited').length;
        assert.ok(refused > 0, 'a second connection has no second bucket');
      });
      await asUser(device, { uid: 61_402 }, async (modest) => {
        assert.deepEqual(new Set(await codesOf(modest, burst)), new Set(['success']));
      });
    });
  });

  it('ends by itself', async () => {
    await asUser(device, { uid: 61_401 }, async (greedy) => {
      await codesOf(greedy, 100);
      await wait(1000);
      const passed = (await codesOf(greedy, 10)).filter((code) => code === 'success').length;
      assert.equal(passed, 10, 'a second brings twenty');
    });
  });

  it('ends a command with exit 5 and the name of the setting', async () => {
    await asUser(device, { uid: 61_403 }, async (client) => {
      // The command may find the token that came back while it started: then it is tried again.
      const refusal = async () => {
        for (let attempt = 0; attempt < 20; attempt += 1) {
          let ended = false;
          const listing = sesameAs(device, { uid: 61_403 }, ['secret', 'list', '-p', 'device']).finally(() => {
            ended = true;
          });
          while (!ended) await codesOf(client, 30);
          const result = await listing;
          if (result.code !== 0) return result;
        }
        return assert.fail('twenty commands passed while the bucket was being emptied');
      };
      const { code, stderr } = await refusal();
      assert.equal(code, 5, stderr);
      assert.match(stderr, /observer sent more than 20 requests a second; .*\[global\.rate_limit\]/);
    });
  });
});

describe('a service', { skip: servicesMissing }, () => {
  for (const user of [undefined, 61_300]) {
    it(`is recognised by its unit, by daemons ${user === undefined ? 'of root' : 'that may not signal it'}`, async () => {
      const home = mkdtempSync(join(tmpdir(), 'open-sesame-test-'));
      const programs = join(programsForAll({ home }), 'bin');
      const configuration = '[clients.bridge]\nunit = "open-sesame-bridge.service"\n';
      const device = new Device(configuration, { home, programs, ...(user === undefined ? {} : { user }) });
      const group = new ServiceGroup('open-sesame-bridge');
      openToOthers(device);
      try {
        await device.start();
        const as = ['setpriv', '--reuid=61301', '--regid=61301', '--clear-groups', 'env', ...variables(device)];
        assert.equal(await endOf(group.spawn(...as, join(programs, 'sesame'), 'status')), 0);
        const outside = await sesameAs(device, { uid: 61_301 }, ['status']);
        assert.equal(outside.code, 5, outside.stderr);
      } finally {
        await device.dispose();
        await group.remove();
      }
    });
  }
});

function variables({ environment }: Device): string[] {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`);
}
