// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { longestValue } from '../../../src/core/names.ts';
import { connectClient } from '../../support/client.ts';
import { Device } from '../../support/device.ts';
import { ends, json } from './expect.ts';

describe('sesame secret', () => {
  const device = new Device();
  before(async () => {
    await device.start();
    await device.initialise();
  });
  after(() => device.dispose());

  for (const [name, value] of [
    ['empty', Buffer.alloc(0)],
    ['text', Buffer.from('no newline is added')],
    ['newline', Buffer.from('one\n')],
    ['binary', Buffer.from([0, 255, 254, 10, 13, 0])],
    ['longest', randomBytes(longestValue)],
  ] as const) {
    it(`gives ${name} back as it was set, byte for byte`, async () => {
      await ends(device, 0, ['secret', 'set', '-p', 'device', `value-${name}`], value);
      const { stdout } = await ends(device, 0, ['secret', 'get', '-p', 'device', `value-${name}`]);
      assert.deepEqual(stdout, value);
    });
  }

  it('refuses a value of one byte too many and keeps the old one', async () => {
    await ends(device, 0, ['secret', 'set', '-p', 'device', 'kept'], 'old');
    const { stderr } = await ends(device, 2, ['secret', 'set', '-p', 'device', 'kept'], Buffer.alloc(longestValue + 1));
    assert.match(stderr, /at most 65536/);
    assert.equal((await device.must(['secret', 'get', '-p', 'device', 'kept'])).toString(), 'old');
  });

  it('refuses names that break the rules before it reads a value', async () => {
    for (const name of ['', 'a\u0007b', 'x'.repeat(257)])
      await ends(device, 2, ['secret', 'set', '-p', 'device', '--', name], 'v');
  });

  it('refuses names that are not UTF-8, which would all be the same name', async () => {
    const program = join(import.meta.dirname, '../../../../dist/bin/sesame');
    const call = (verb: string, octal: string) =>
      spawnSync('sh', ['-c', '"$0" secret "$1" -p device "$(printf "a$2")"', program, verb, octal], {
        env: device.environment,
        encoding: 'utf8',
        input: 'value',
      });
    for (const verb of ['set', 'get', 'delete']) {
      const { status, stderr } = call(verb, '\\377');
      assert.equal(status, 2, `${verb}: ${stderr}`);
      assert.match(stderr, /^sesame: the secret name .* is not allowed: it is not UTF-8; /);
      const replacementCharacter = '\\357\\277\\275';
      assert.equal(call(verb, replacementCharacter).status, 0);
    }
  });

  it('says 6 for a name that is not there, whatever is asked of it, and shows the name as it was given', async () => {
    for (const verb of ['get', 'delete'])
      for (const name of ['nowhere', '']) {
        const { stderr } = await ends(device, 6, ['secret', verb, '-p', 'device', name]);
        assert.ok(stderr.includes(`profile device has no secret ${JSON.stringify(name)};`), stderr);
      }
  });

  it('says 5 for a profile that no rule knows, where there are rules', async () => {
    await ends(device, 5, ['secret', 'get', '-p', 'nobody', 'a']);
  });

  it('says 2 for a profile name that is none', async () => {
    for (const profile of ['..', 'a/b', '', '-x']) await ends(device, 2, ['secret', 'get', `--profile=${profile}`, 'a']);
  });

  it('deletes', async () => {
    await ends(device, 0, ['secret', 'set', '-p', 'device', 'gone'], 'v');
    await ends(device, 0, ['secret', 'delete', '-p', 'device', 'gone']);
    await ends(device, 6, ['secret', 'get', '-p', 'device', 'gone']);
  });

  it('lists names, one a line, and with a prefix only those', async () => {
    for (const name of ['group/a', 'group/b', 'other']) await ends(device, 0, ['secret', 'set', '-p', 'device', name], 'v');
    const { stdout } = await ends(device, 0, ['secret', 'list', '-p', 'device', '--prefix', 'group/']);
    assert.equal(stdout.toString(), 'group/a\ngroup/b\n');
  });

  it('lists names with times as JSON, and no value', async () => {
    const { profile, secrets } = await json(device, ['secret', 'list', '-p', 'device', '--prefix', 'group/']);
    assert.equal(profile, 'device');
    assert.ok(Array.isArray(secrets));
    assert.deepEqual(Object.keys(Object(secrets[0])).sort(), ['created_at', 'name', 'updated_at']);
  });

  it('lists more names than fit into one message', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `many-${String(index).padStart(3, '0')}`);
    const client = await connectClient(device);
    for (const name of names) await client.request('secret-set', { profile: 'device', name }, Buffer.from('v'));
    await client.close();
    const listed = (await device.must(['secret', 'list', '-p', 'device', '--prefix', 'many-'])).toString();
    assert.deepEqual(listed.split('\n').slice(0, -1).sort(), names);
  });

  it('warns once that a name with / is not seen on a desktop', async () => {
    const first = await ends(device, 0, ['secret', 'set', '-p', 'device', 'desk/top'], '1');
    assert.match(first.stderr, /note: .*desk\/top/);
    const second = await ends(device, 0, ['secret', 'set', '-p', 'device', 'desk/top'], '2');
    assert.equal(second.stderr, '');
  });

  it('uses the default profile when none is named', async () => {
    await device.sesame(['profile', 'default', 'device']);
    await ends(device, 0, ['secret', 'set', 'by-default'], 'v');
    assert.equal((await device.must(['secret', 'get', '-p', 'device', 'by-default'])).toString(), 'v');
  });
});
