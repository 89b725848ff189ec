// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { operations, times } from '../support/audited-operations.ts';
import { connectClient, failureOf, readSecret } from '../support/client.ts';
import type { Device } from '../support/device.ts';
import { asUser, otherUsersMissing, sesameAs, startForOthers } from '../support/other-user.ts';

const skip = otherUsersMissing;

const secrets = ['admin/root', 'exact', 'exact/below', 'exactly', 'mqtt', 'mqtt/deep/name', 'mqtt/password', 'mqttx/password'];

describe('the access rules of a profile', { skip }, () => {
  const reader = { uid: 61_201 };
  const writer = { uid: 61_202 };
  const excluded = { uid: 61_203 };
  const unlisted = { uid: 61_204 };
  let device: Device;

  before(async () => {
    device = await startForOthers(`
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
