// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Device } from '../../support/device.ts';
import { ends, json } from './expect.ts';

const password = 'correct horse\n';
const recoveryKey = /^[0-9A-Z-]{60,}\n$/;

describe('sesame init, unlock and lock', () => {
  const device = new Device();
  before(() => device.start());
  after(() => device.dispose());

  it('say 3 before there is a vault', async () => {
    await ends(device, 3, ['unlock', '-p', 'fresh', '--password-stdin'], password);
    await ends(device, 3, ['lock', '-p', 'fresh']);
  });

  it('need a password: without a terminal and without --password-stdin there is none', async () => {
    const { stderr } = await ends(device, 2, ['init', '-p', 'fresh']);
    assert.match(stderr, /--password-stdin/);
  });

  it('refuse an empty password, and a missing one', async () => {
    await ends(device, 2, ['init', '-p', 'fresh', '--password-stdin'], '\n');
    await ends(device, 2, ['init', '-p', 'fresh', '--password-stdin'], '');
  });

  it('refuse evidence for a factor that was not asked for, which would open the vault as well', async () => {
    const { stderr } = await ends(device, 2, ['init', '-p', 'fresh', '--factor', 'tpm', '--password-stdin'], password);
    assert.match(stderr, /--factor does not name password/);
  });

  it('leave nothing behind when they were refused', async () => {
    await ends(device, 3, ['secret', 'list', '-p', 'fresh']);
  });

  it('leave no rules behind for a profile that got no vault', async () => {
    const rules = () => existsSync(join(device.stateDirectory, 'rules.toml'));
    const twice = ['init', '-p', 'fresh', '--password-stdin', '--password-stdin'];
    await ends(device, 2, twice, `${password}${password}`);
    assert.equal(rules(), false);
    const listed = await device.must(['profile', 'list']);
    assert.doesNotMatch(listed.toString(), /fresh/);
  });

  it('write no rules for a vault that came without any', async () => {
    await ends(device, 0, ['init', '-p', 'restored', '--password-stdin', '--no-recovery-key'], password);
    rmSync(join(device.stateDirectory, 'rules.toml'));
    await ends(device, 7, ['init', '-p', 'restored', '--password-stdin'], password);
    assert.equal(existsSync(join(device.stateDirectory, 'rules.toml')), false);
  });

  it('make no recovery key where nobody would see it, and warn', async () => {
    const { stdout, stderr } = await ends(device, 0, ['init', '-p', 'unattended', '--password-stdin'], password);
    assert.equal(stdout.length, 0);
    assert.match(stderr, /warning: no recovery key was made/);
  });

  it('do not warn when no recovery key was wanted', async () => {
    const { stderr } = await ends(device, 0, ['init', '-p', 'plain', '--password-stdin', '--no-recovery-key'], password);
    assert.doesNotMatch(stderr, /warning/);
  });

  it('give the recovery key as JSON', async () => {
    const result = await json(device, ['init', '-p', 'withjson', '--factor', 'password', '--password-stdin'], password);
    assert.equal(result['profile'], 'withjson');
    assert.deepEqual(result['factors'], ['password']);
    assert.match(`${result['recovery_key']}\n`, recoveryKey);
  });

  it('say 7 for a vault that exists, and keep it', async () => {
    await ends(device, 7, ['init', '-p', 'plain', '--password-stdin'], 'another\n');
    await ends(device, 0, ['unlock', '-p', 'plain', '--password-stdin'], password);
  });

  it('say 7 when it is unlocked already, and 8 for a wrong password', async () => {
    await ends(device, 7, ['unlock', '-p', 'plain', '--password-stdin'], password);
    await ends(device, 0, ['lock', '-p', 'plain']);
    await ends(device, 8, ['unlock', '-p', 'plain', '--password-stdin'], 'wrong\n');
    await ends(device, 4, ['secret', 'get', '-p', 'plain', 'a']);
  });

  it('take the first line as the password, its newline or its lack included', async () => {
    await ends(device, 0, ['unlock', '-p', 'plain', '--password-stdin'], 'correct horse\nignored\n');
    await ends(device, 0, ['lock', '-p', 'plain']);
    await ends(device, 0, ['unlock', '-p', 'plain', '--password-stdin'], 'correct horse');
  });

  it('open with the recovery key alone, in lower case too', async () => {
    const { stdout } = await ends(device, 0, ['init', '-p', 'lost', '--password-stdin', '--recovery-key'], password);
    assert.match(stdout.toString(), recoveryKey);
    await ends(device, 0, ['unlock', '-p', 'lost', '--recovery-stdin'], stdout.toString().toLowerCase());
  });

  it('say 8 for a recovery key with a typing error', async () => {
    await ends(device, 0, ['lock']);
    const { stderr } = await ends(device, 8, ['unlock', '-p', 'lost', '--recovery-stdin'], 'AAAAA-BBBBB\n');
    assert.match(stderr, /typing error/);
  });

  it('name the evidence that is missing on standard input', async () => {
    const { stderr } = await ends(device, 2, ['unlock', '-p', 'lost', '--password-stdin', '--recovery-stdin'], password);
    assert.match(stderr, /ended before the recovery key/);
  });

  it('lock all vaults at once', async () => {
    await ends(device, 0, ['unlock', '-p', 'plain', '--password-stdin'], password);
    const { locked } = await json(device, ['lock']);
    assert.deepEqual(locked, ['plain']);
  });
});

describe('sesame factor and rekey', () => {
  const device = new Device();
  before(async () => {
    await device.start();
    await device.must(['init', '-p', 'device', '--password-stdin', '--no-recovery-key'], password);
    await device.must(['unlock', '-p', 'device', '--password-stdin'], password);
    await device.must(['secret', 'set', '-p', 'device', 'kept'], 'value');
  });
  after(() => device.dispose());

  it('list what opens the vault', async () => {
    const { stdout } = await ends(device, 0, ['factor', 'list', '-p', 'device']);
    assert.equal(stdout.toString(), 'password\n');
    const { policy, factors } = await json(device, ['factor', 'list', '-p', 'device']);
    assert.equal(policy, 'any');
    assert.equal(Array.isArray(factors) && factors.length, 1);
  });

  it('do not remove the last factor', async () => {
    await ends(device, 2, ['factor', 'remove', 'password', '-p', 'device']);
  });
  it('say 7 for a factor that is there', async () => {
    await ends(device, 7, ['factor', 'add', 'password', '-p', 'device', '--password-stdin'], 'second\n');
  });
  it('say 6 for a factor that is not there', async () => {
    await ends(device, 6, ['factor', 'remove', 'recovery', '-p', 'device']);
  });

  it('add a recovery key, which opens the vault until it is removed', async () => {
    const key = await device.must(['factor', 'add', 'recovery', '-p', 'device']);
    assert.match(key.toString(), recoveryKey);
    await ends(device, 0, ['lock']);
    await ends(device, 0, ['unlock', '-p', 'device', '--recovery-stdin'], key);
    await ends(device, 0, ['factor', 'remove', 'recovery', '-p', 'device']);
    await ends(device, 0, ['lock']);
    await ends(device, 6, ['unlock', '-p', 'device', '--recovery-stdin'], key);
    await ends(device, 0, ['unlock', '-p', 'device', '--password-stdin'], password);
  });

  it('change the password where it is the only factor, and record it', async () => {
    const changed = await ends(device, 0, ['factor', 'replace', 'password', '-p', 'device', '--password-stdin'], 'a new one\n');
    assert.equal(changed.stdout.length, 0);
    assert.match(changed.stderr, /^sesame: the factor password of profile device was replaced/m);
    await ends(device, 0, ['lock']);
    await ends(device, 8, ['unlock', '-p', 'device', '--password-stdin'], password);
    await device.eventually('the delay after a failure has passed', async () => {
      return (await device.sesame(['unlock', '-p', 'device', '--password-stdin'], 'a new one\n')).code === 0;
    });
    assert.equal((await device.must(['secret', 'get', '-p', 'device', 'kept'])).toString(), 'value');
    await ends(device, 0, ['factor', 'replace', 'password', '-p', 'device', '--password-stdin'], password);
    const recorded = device.auditEntries().filter((entry) => JSON.stringify(entry).includes('"action":"factor-replace"'));
    assert.ok(recorded.length >= 2);
  });

  it('do not change the password of a vault that is locked, nor to an empty one', async () => {
    await ends(device, 0, ['lock']);
    await ends(device, 4, ['factor', 'replace', 'password', '-p', 'device', '--password-stdin'], 'a new one\n');
    await ends(device, 0, ['unlock', '-p', 'device', '--password-stdin'], password);
    await ends(device, 2, ['factor', 'replace', 'password', '-p', 'device', '--password-stdin'], '\n');
    await ends(device, 2, ['factor', 'replace', 'password', '-p', 'device']);
  });

  it('make a new recovery key in place of the old one, or say 6 when there is none', async () => {
    await ends(device, 6, ['factor', 'replace', 'recovery', '-p', 'device']);
    const old = await device.must(['factor', 'add', 'recovery', '-p', 'device']);
    const { recovery_key: renewed } = await json(device, ['factor', 'replace', 'recovery', '-p', 'device', '--json']);
    await ends(device, 0, ['lock']);
    await ends(device, 0, ['unlock', '-p', 'device', '--recovery-stdin'], `${renewed}\n`);
    await ends(device, 0, ['lock']);
    const { stderr } = await ends(device, 8, ['unlock', '-p', 'device', '--recovery-stdin'], old);
    assert.match(stderr, /the recovery key does not open the vault/);
    await device.eventually('the delay after a failure has passed', async () => {
      return (await device.sesame(['unlock', '-p', 'device', '--password-stdin'], password)).code === 0;
    });
    await ends(device, 0, ['factor', 'remove', 'recovery', '-p', 'device']);
  });

  it('change the password where the policy asks for all factors, with a new master key', async () => {
    await ends(device, 0, ['init', '-p', 'strict', '--password-stdin', '--policy', 'all', '--no-recovery-key'], password);
    await ends(device, 0, ['unlock', '-p', 'strict', '--password-stdin'], password);
    await device.must(['secret', 'set', '-p', 'strict', 'kept'], 'strict value');
    await ends(device, 0, ['factor', 'replace', 'password', '-p', 'strict', '--password-stdin'], 'a new one\n');
    await ends(device, 0, ['lock', '-p', 'strict']);
    await ends(device, 0, ['unlock', '-p', 'strict', '--password-stdin'], 'a new one\n');
    assert.equal((await device.must(['secret', 'get', '-p', 'strict', 'kept'])).toString(), 'strict value');
  });

  it('keep every secret through a rekey', async () => {
    const result = await json(device, ['rekey', '-p', 'device', '--password-stdin'], password);
    assert.deepEqual(result['kept'], ['password']);
    assert.deepEqual(result['dropped'], []);
    assert.equal((await device.must(['secret', 'get', '-p', 'device', 'kept'])).toString(), 'value');
  });

  it('refuse a rekey with a wrong password', async () => {
    await ends(device, 8, ['rekey', '-p', 'device', '--password-stdin'], 'wrong\n');
  });

  it('refuse a rekey that would lose a factor unnamed', async () => {
    await ends(device, 0, ['factor', 'add', 'recovery', '-p', 'device']);
    const { stderr } = await ends(device, 2, ['rekey', '-p', 'device', '--password-stdin'], password);
    assert.match(stderr, /recovery would be lost/);
  });

  it('drop a factor that was named, and replace a recovery key', async () => {
    const renewed = await ends(device, 0, ['rekey', '-p', 'device', '--password-stdin', '--recovery-key'], password);
    assert.match(renewed.stdout.toString(), recoveryKey);
    const { stderr } = await ends(device, 0, ['rekey', '-p', 'device', '--password-stdin', '--drop', 'recovery'], password);
    assert.match(stderr, /dropped recovery/);
    assert.equal((await device.must(['factor', 'list', '-p', 'device'])).toString(), 'password\n');
  });
});

describe('a vault made for a profile whose policy the configuration has', () => {
  const device = new Device(
    [
      '[profiles.key.auth]\nmode = "policy"\nrequired = ["ssh-agent"]\n',
      '[profiles.two.auth]\nmode = "policy"\nadditional_required = 2\n',
      '[profiles.every.auth]\nmode = "all"\n',
      '[profiles.heir]\nextends = "every"\n',
    ].join(''),
  );
  before(() => device.start());
  after(() => device.dispose());

  const init = (profile: string, ...more: string[]): string[] => [
    'init',
    '-p',
    profile,
    '--password-stdin',
    '--no-recovery-key',
    ...more,
  ];

  it('is not made without a factor that the policy requires, which is named', async () => {
    const { stderr } = await ends(device, 2, init('key'), password);
    assert.match(stderr, /ssh-agent/);
    await ends(device, 3, ['secret', 'list', '-p', 'key']);
  });

  it('is not made with fewer factors than the policy counts', async () => {
    const { stderr } = await ends(device, 2, init('two'), password);
    assert.match(stderr, /1 more of its factors/);
  });

  it('has that policy, and says so', async () => {
    assert.equal((await json(device, init('every'), password))['policy'], 'all');
    assert.equal((await json(device, ['factor', 'list', '-p', 'every']))['policy'], 'all');
  });

  it('has the policy that the profile inherits', async () => {
    assert.equal((await json(device, init('heir'), password))['policy'], 'all');
  });

  it('has the policy that was written a moment before', async () => {
    appendFileSync(join(device.configurationDirectory, 'config.toml'), '[profiles.late.auth]\nmode = "all"\n');
    assert.equal((await json(device, init('late'), password))['policy'], 'all');
  });

  it('does not get another one from the command line', async () => {
    const { stderr } = await ends(device, 2, init('key', '--policy', 'any'), password);
    assert.match(stderr, /\[profiles\.key\.auth\]/);
  });

  it('may be told the same, or more than the default', async () => {
    assert.equal((await json(device, init('free', '--policy', 'all'), password))['policy'], 'all');
    assert.equal((await json(device, init('default'), password))['policy'], 'any');
  });
});
