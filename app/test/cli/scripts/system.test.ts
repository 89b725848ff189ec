// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectClient } from '../../support/client.ts';
import { Device } from '../../support/device.ts';
import { ends, json } from './expect.ts';

interface Check {
  readonly id: string;
  readonly outcome: string;
  readonly finding: string;
  readonly remedy?: string;
}

describe('sesame without daemons', () => {
  const device = new Device();
  after(() => device.dispose());

  it('says 13 wherever it needs them', async () => {
    for (const args of [
      ['secret', 'get', '-p', 'a', 'b'],
      ['lock'],
      ['profile', 'list'],
      ['audit', 'verify'],
      ['keys', 'rotate'],
    ])
      await ends(device, 13, args);
  });

  it('shows in its status that they are out of reach', async () => {
    const { code, stdout } = await device.sesame(['status', '--json']);
    assert.equal(code, 13);
    const { daemons } = JSON.parse(stdout.toString());
    assert.deepEqual(
      daemons.map(({ name, reachable }: { name: string; reachable: boolean }) => [name, reachable]),
      [
        ['daemon-profile', false],
        ['daemon-secrets', false],
      ],
    );
  });

  it('finds that in an examination: 1 with --exit-code, 0 without', async () => {
    assert.equal((await device.sesame(['status', '--doctor', '--exit-code'])).code, 1);
    assert.equal((await device.sesame(['status', '--doctor'])).code, 0);
  });

  it('checks the configuration', async () => {
    await ends(device, 0, ['config', 'check']);
    const file = join(device.configurationDirectory, 'config.toml');
    writeFileSync(file, '[global.ipc]\nchannel_capcity = 64\n');
    const { code, stdout, stderr } = await device.sesame(['config', 'check']);
    assert.equal(code, 14);
    assert.match(stdout.toString(), /config\.toml:2:1: .*channel_capcity.*channel_capacity/);
    assert.match(stderr, /^sesame: the configuration is invalid: 1 error$/m);
    await ends(device, 14, ['config', 'show']);
    rmSync(file);
  });

  it('shows the configuration in force, and its schema', async () => {
    const shown = await json(device, ['config', 'show']);
    assert.ok('global' in shown);
    const { stdout } = await ends(device, 0, ['config', 'schema']);
    assert.equal(JSON.parse(stdout.toString()).type, 'object');
  });

  it('says what it is', async () => {
    assert.match((await ends(device, 0, ['--version'])).stdout.toString(), /^sesame \d+\.\d+\.\d+\n$/);
    assert.match((await ends(device, 0, ['help'])).stdout.toString(), /secret get/);
    assert.match((await ends(device, 0, ['secret', 'get', '--help'])).stdout.toString(), /^usage: sesame secret get/);
    assert.match((await ends(device, 0, ['completion', 'bash'])).stdout.toString(), /complete -F _sesame sesame/);
  });

  it('shows the usage of a command that was used wrongly, on standard error', async () => {
    const { stderr } = await ends(device, 2, ['secret', 'get']);
    assert.match(
      stderr,
      /^sesame: the argument NAME is missing; see: sesame secret get --help\nusage: sesame secret get \[-p PROFILE\] NAME\n$/,
    );
  });
});

describe('sesame on a device', () => {
  const device = new Device();
  before(async () => {
    await device.start();
    await device.initialise();
    await device.must(['secret', 'set', '-p', 'device', 'a'], 'value');
  });
  after(() => device.dispose());

  async function examine(): Promise<Map<string, Check>> {
    const { checks } = await json(device, ['status', '--doctor']);
    assert.ok(Array.isArray(checks));
    return new Map(checks.map((check: Check) => [check.id, check]));
  }

  it('shows its status', async () => {
    const { vaults, default_profile, audit } = await json(device, ['status']);
    assert.ok(Array.isArray(vaults) && vaults[0].profile === 'device' && vaults[0].state === 'unlocked');
    assert.equal(typeof default_profile, 'string');
    assert.ok(audit !== null);
    assert.match((await ends(device, 0, ['status'])).stdout.toString(), /^DAEMON +STATE/);
  });

  it('finds the one way in, which a recovery key mends', async () => {
    assert.equal((await examine()).get('factors/device')?.outcome, 'warn');
    await device.must(['factor', 'add', 'recovery', '-p', 'device']);
    assert.equal((await examine()).get('factors/device')?.outcome, 'pass');
  });

  it('finds a vault that has another policy than the configuration asks for', async () => {
    const file = join(device.configurationDirectory, 'config.toml');
    writeFileSync(file, '[profiles.device.auth]\nmode = "all"\n');
    const check = (await examine()).get('policy/device');
    rmSync(file);
    assert.equal(check?.outcome, 'warn');
    assert.match(check?.finding ?? '', /every factor.*any one factor/);
  });

  it('passes every other check', async () => {
    const wrong = [...(await examine()).values()].filter(({ outcome, id }) => outcome !== 'pass' && !id.endsWith('memory'));
    assert.deepEqual(wrong, []);
  });

  it('finds a file that others may read', async () => {
    const file = join(device.stateDirectory, 'vaults/device.password-wrap');
    chmodSync(file, 0o644);
    const check = (await examine()).get('permissions/state');
    chmodSync(file, 0o600);
    assert.equal(check?.outcome, 'fail');
    assert.match(check?.finding ?? '', /device\.password-wrap has mode 644/);
    assert.match(check?.remedy ?? '', /chmod 600/);
  });

  it('finds a configuration that is invalid', async () => {
    const file = join(device.configurationDirectory, 'config.toml');
    writeFileSync(file, 'nonsense = \n');
    const check = (await examine()).get('configuration');
    rmSync(file);
    assert.equal(check?.outcome, 'fail');
  });

  it('lists, shows, activates and deactivates profiles', async () => {
    assert.equal((await ends(device, 0, ['profile', 'list'])).stdout.toString(), 'device\n');
    await ends(device, 7, ['profile', 'activate', 'device']);
    await ends(device, 0, ['profile', 'deactivate', 'device']);
    await ends(device, 4, ['secret', 'get', '-p', 'device', 'a']);
    await ends(device, 7, ['profile', 'deactivate', 'device']);
    await ends(device, 0, ['profile', 'activate', '-p', 'device']);
    await ends(device, 6, ['profile', 'activate', 'nobody']);
    await ends(device, 0, ['profile', 'default', 'device']);
    assert.equal((await ends(device, 0, ['profile', 'default'])).stdout.toString(), 'device\n');
    assert.match((await ends(device, 0, ['profile', 'show'])).stdout.toString(), /^profile +device \(default\)$/m);
    await ends(device, 6, ['profile', 'show', 'nobody']);
    await device.unlock();
  });

  it('refuses a profile that is named twice and differently', async () => {
    await ends(device, 2, ['profile', 'show', 'device', '-p', 'other']);
  });

  it('shows the tail of its audit chain, as lines of the file with --json', async () => {
    const { stdout } = await ends(device, 0, ['audit', 'tail', '-n', '2', '--json']);
    const lines = stdout.toString().split('\n').slice(0, -1);
    assert.equal(lines.length, 2);
    assert.ok(lines.every((line) => JSON.parse(line).sequence > 0));
    assert.match((await ends(device, 0, ['audit', 'tail'])).stdout.toString(), /SecretOperationAudited.*action=set/);
  });

  it('shows as much of its audit chain as is asked for, in its order', async () => {
    const file = () => readFileSync(join(device.stateDirectory, 'audit.jsonl'), 'utf8').trimEnd().split('\n');
    const client = await connectClient(device);
    const set = () => client.request('secret-set', { profile: 'device', name: 'a' }, Buffer.from('value'));
    while (file().length < 450) await set();
    await client.close();
    for (const count of [200, 201, 430]) {
      const { stdout } = await ends(device, 0, ['audit', 'tail', '-n', String(count), '--json']);
      assert.deepEqual(stdout.toString().trimEnd().split('\n'), file().slice(-count));
    }
    const { stdout } = await ends(device, 0, ['audit', 'tail', '-n', '1000000', '--json']);
    assert.deepEqual(stdout.toString().trimEnd().split('\n'), file());
  });

  it('verifies its audit chain, and a copy of it by its path', async () => {
    assert.equal((await json(device, ['audit', 'verify']))['head'], 'matches');
    const { stdout } = await ends(device, 0, ['audit', 'verify']);
    assert.match(String(stdout), /vouches for the last entry \(self-attested\)/);
    const copy = join(device.home, 'copy.jsonl');
    copyFileSync(join(device.stateDirectory, 'audit.jsonl'), copy);
    await ends(device, 0, ['audit', 'verify', '--path', copy]);
    assert.deepEqual(
      Object.keys(await json(device, ['audit', 'verify', '--path', copy])).filter((name) => name !== name.toLowerCase()),
      [],
    );
    const text = readFileSync(copy, 'utf8');
    writeFileSync(copy, text.slice(0, -20));
    assert.match((await ends(device, 0, ['audit', 'verify', '--path', copy])).stderr, /the last \d+ bytes .* were not judged/);
    writeFileSync(copy, text.replace('"vault-init"', '"vault-inix"'));
    const { stderr } = await ends(device, 11, ['audit', 'verify', '--path', copy]);
    assert.match(stderr, /copy\.jsonl.* line 3/);
    await ends(device, 12, ['audit', 'verify', '--path', join(device.home, 'missing.jsonl')]);
  });

  it('rotates the key of the bus, and goes on', async () => {
    await ends(device, 0, ['keys', 'rotate']);
    await ends(device, 0, ['secret', 'get', '-p', 'device', 'a']);
  });

  it('says 13 while daemon-secrets is away, and shows it', async () => {
    await device.end('daemon-secrets');
    await ends(device, 13, ['secret', 'get', '-p', 'device', 'a']);
    const { code, stdout } = await device.sesame(['status']);
    assert.equal(code, 13);
    assert.match(stdout.toString(), /^daemon-secrets +out of reach$/m);
  });
});
