// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { BusClient } from '../../src/bus/client.ts';
import type { RequestBody } from '../../src/bus/messages.ts';
import { rounds } from '../support/campaign.ts';
import { connectClient, failureOf } from '../support/client.ts';
import { type Device, password, type Result, startDevice } from '../support/device.ts';

let device: Device;
/** For what prepares a test: a process for each step takes its time. */
let administrator: BusClient;

/** The shortest window that the configuration allows, in seconds. */
const partialSeconds = 10;

before(async () => {
  device = await startDevice(`[global.secrets]\npartial_unlock_seconds = ${partialSeconds}\n`);
  administrator = await connectClient(device);
});

after(async () => {
  await administrator.close();
  await device.dispose();
});

const passwordLine = `${password}\n`;
const recoveryKeyForm = /^[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{4,5}){11}$/;

/** Makes a vault with the password of tests. */
async function initialise(
  profile: string,
  policy: RequestBody<'vault-init'>['policy'] = 'any',
  recovery = false,
): Promise<string> {
  const body = { profile, evidence: [{ factor: 'password', length: password.length }], policy, recovery_key: recovery };
  await administrator.request('installation-init', { profile });
  const { attachment } = await administrator.request('vault-init', body, Buffer.from(password));
  const key = attachment?.bytes.toString() ?? '';
  attachment?.release();
  return key;
}

const initWithRecovery = (profile: string) => initialise(profile, 'any', true);

const unlock = (profile: string, line = passwordLine) => device.sesame(['unlock', '-p', profile, '--password-stdin'], line);
const recover = (profile: string, key: string) => device.sesame(['unlock', '-p', profile, '--recovery-stdin'], `${key}\n`);
const lock = (profile: string) => administrator.request('vault-lock', { profile });

function requireExit(result: Result, code: number, message: RegExp): void {
  assert.equal(result.code, code, result.stderr);
  assert.match(result.stderr, message);
}

async function factorsOf(profile: string): Promise<string[]> {
  return (await device.must(['factor', 'list', '-p', profile])).toString().trim().split('\n');
}

async function vaultOf(profile: string) {
  const { body } = await administrator.request('secrets-status', {});
  return body.vaults.find((vault) => vault.profile === profile);
}

const stateOf = async (profile: string) => (await vaultOf(profile))?.state;

const file = (profile: string, suffix: string) => join(device.stateDirectory, 'vaults', `${profile}.${suffix}`);

describe('init', () => {
  it('makes a vault that the password and the recovery key open, each alone, and shows the key once', async () => {
    const output = await device.must(['init', '-p', 'both', '--password-stdin', '--json'], passwordLine);
    const { recovery_key: key } = JSON.parse(output.toString());
    assert.match(key, recoveryKeyForm);
    assert.deepEqual(await factorsOf('both'), ['password', 'recovery']);
    requireExit(await unlock('both'), 0, /^$/);
    await lock('both');
    requireExit(await recover('both', key), 0, /^$/);
    await lock('both');
    requireExit(
      await recover('both', ` ${key.toLowerCase().replaceAll('-', '  ').replaceAll('0', 'o').replaceAll('1', 'l')}`),
      0,
      /^$/,
    );
    await lock('both');
  });

  it('makes no recovery key where nobody would see it, and says so', async () => {
    const result = await device.sesame(['init', '-p', 'unseen', '--factor', 'password', '--password-stdin'], passwordLine);
    requireExit(result, 0, /warning: no recovery key was made/);
    assert.equal(result.stdout.length, 0);
    assert.deepEqual(await factorsOf('unseen'), ['password']);
  });

  it('of a profile that has a vault is exit 7 and changes nothing', async () => {
    const before = readFileSync(file('unseen', 'password-wrap'));
    requireExit(await device.sesame(['init', '-p', 'unseen', '--password-stdin'], 'another\n'), 7, /already has a vault/);
    assert.deepEqual(readFileSync(file('unseen', 'password-wrap')), before);
  });

  for (const [input, message] of [
    ['', /standard input ended before the password/],
    ['\n', /the password is empty/],
  ] as const) {
    it(`with ${JSON.stringify(input)} for a password is exit 2 and makes nothing`, async () => {
      requireExit(await device.sesame(['init', '-p', 'nothing', '--password-stdin'], input), 2, message);
      assert.ok(!readdirSync(join(device.stateDirectory, 'vaults')).some((name) => name.startsWith('nothing')));
    });
  }

  it('with a policy that its factors cannot meet is refused and makes nothing', async () => {
    const policies = [
      { policy: { required: ['tpm'], additional_required: 0 } },
      { policy: { required: ['password'], additional_required: 1 } },
      { policy: { required: ['no such factor'], additional_required: 0 } },
    ];
    const codes: string[] = [];
    for (const policy of policies) codes.push(await failureOf(initialise('nothing', policy)));
    assert.deepEqual(codes, ['factor-evidence-missing', 'policy-unsatisfiable', 'factor-unknown']);
    assert.ok(!readdirSync(join(device.stateDirectory, 'vaults')).some((name) => name.startsWith('nothing')));
  });

  it('with a policy of required factors makes a vault that says who enforces it', async () => {
    await initialise('required', { policy: { required: ['password'], additional_required: 0 } });
    requireExit(await unlock('required'), 0, /^$/);
    const vault = await vaultOf('required');
    assert.equal(vault?.enforcement, 'daemon');
  });
});

describe('a recovery key', () => {
  let key = '';
  before(async () => {
    key = await initWithRecovery('recovered');
  });

  it('with a typing error is exit 8 at once, however often, and costs no delay', async () => {
    const other = key.startsWith('2') ? '3' : '2';
    for (const typed of [`${other}${key.slice(1)}`, key.slice(0, -1), `${key}0`, '', 'U'])
      requireExit(await recover('recovered', typed), 8, /typing error/);
    requireExit(await unlock('recovered'), 0, /^$/);
    await lock('recovered');
  });

  it('of another vault is exit 8', async () => {
    const other = await initWithRecovery('other');
    requireExit(await recover('recovered', other), 8, /the recovery key does not open the vault of profile recovered/);
  });

  it('is replaced by rekey: the new one opens, the old one does not', async () => {
    requireExit(await unlock('recovered'), 0, /^$/);
    const output = await device.must(['rekey', '-p', 'recovered', '--password-stdin', '--recovery-key', '--json'], passwordLine);
    const { kept, dropped, recovery_key: next } = JSON.parse(output.toString());
    assert.deepEqual([kept, dropped], [['password', 'recovery'], []]);
    assert.match(next, recoveryKeyForm);
    assert.notEqual(next, key);
    await lock('recovered');
    requireExit(await recover('recovered', key), 8, /does not open/);
    requireExit(await recover('recovered', next), 0, /^$/);
  });
});

describe('the factors of a vault', () => {
  before(() => device.initialise('changed'));

  it('are added, listed, refused twice, and removed', async () => {
    const key = (await device.must(['factor', 'add', 'recovery', '-p', 'changed'])).toString().trim();
    assert.match(key, recoveryKeyForm);
    assert.deepEqual(await factorsOf('changed'), ['password', 'recovery']);
    requireExit(await device.sesame(['factor', 'add', 'recovery', '-p', 'changed']), 7, /has the factor recovery already/);
    assert.equal(statSync(file('changed', 'recovery-wrap')).mode & 0o777, 0o600);
    requireExit(await device.sesame(['factor', 'remove', 'recovery', '-p', 'changed']), 0, /was removed/);
    assert.ok(!existsSync(file('changed', 'recovery-wrap')));
    assert.deepEqual(await factorsOf('changed'), ['password']);
    requireExit(await device.sesame(['factor', 'remove', 'recovery', '-p', 'changed']), 6, /has no factor recovery/);
    await lock('changed');
    requireExit(await recover('changed', key), 6, /has no factor recovery/);
  });

  it('do not change while the vault is locked', async () => {
    requireExit(await device.sesame(['factor', 'add', 'recovery', '-p', 'changed']), 4, /is locked/);
    requireExit(await device.sesame(['factor', 'remove', 'password', '-p', 'changed']), 4, /is locked/);
    requireExit(await device.sesame(['rekey', '-p', 'changed', '--password-stdin'], passwordLine), 4, /is locked/);
  });

  it('keep the last one that counts, and one is replaced only after it was removed', async () => {
    requireExit(await unlock('changed'), 0, /^$/);
    requireExit(await device.sesame(['factor', 'remove', 'password', '-p', 'changed']), 2, /last way into profile changed/);
    const again = await device.sesame(['factor', 'add', 'password', '-p', 'changed', '--password-stdin'], 'new\n');
    requireExit(again, 7, /has the factor password already/);
    assert.deepEqual(await factorsOf('changed'), ['password']);
  });

  it('of a profile without a vault are exit 3', async () => {
    requireExit(await device.sesame(['factor', 'list', '-p', 'nowhere']), 3, /has no vault; create it with: sesame init/);
    requireExit(await unlock('nowhere'), 3, /has no vault/);
  });
});

describe('rekey', () => {
  const names = Array.from({ length: rounds(20, 2000) }, (_, index) => `name/${index}`);
  before(async () => {
    await device.initialise('rekeyed');
    for (const name of names)
      await administrator.request('secret-set', { profile: 'rekeyed', name }, Buffer.from(`value of ${name}`));
  });

  const files = () => ['db', 'password-wrap', 'vault-meta', 'salt'].map((suffix) => readFileSync(file('rekeyed', suffix)));

  it('without evidence, or with wrong evidence, changes nothing', async () => {
    await lock('rekeyed'); // what is not written back yet would look like a change
    requireExit(await unlock('rekeyed'), 0, /^$/);
    const before = files();
    requireExit(await device.sesame(['rekey', '-p', 'rekeyed']), 2, /no terminal to ask/);
    requireExit(await device.sesame(['rekey', '-p', 'rekeyed', '--drop', 'password']), 2, /./);
    requireExit(await device.sesame(['rekey', '-p', 'rekeyed', '--password-stdin'], 'wrong\n'), 8, /does not open/);
    assert.deepEqual(files(), before);
    const left = readdirSync(join(device.stateDirectory, 'vaults')).filter(
      (name) => /rekeyed/.test(name) && !name.startsWith('rekeyed.'),
    );
    assert.deepEqual(left, [], 'nothing of the attempt is left');
  });

  it('gives every secret a new encryption, loses none and keeps the vault unlocked', async () => {
    for (const suffix of ['db', 'password-wrap']) copyFileSync(file('rekeyed', suffix), file('rekeyed', `${suffix}-old`));
    requireExit(await device.sesame(['rekey', '-p', 'rekeyed', '--password-stdin'], passwordLine), 0, /kept password/);
    const exported = JSON.parse((await device.must(['export', '-p', 'rekeyed', '--format', 'json'])).toString());
    assert.deepEqual(Object.values(exported).sort(), names.map((name) => `value of ${name}`).sort());
    assert.notDeepEqual(readFileSync(file('rekeyed', 'password-wrap')), readFileSync(file('rekeyed', 'password-wrap-old')));
  });

  it('leaves old copies that do not open the vault any more', async () => {
    await lock('rekeyed');
    copyFileSync(file('rekeyed', 'password-wrap'), file('rekeyed', 'password-wrap-new'));
    copyFileSync(file('rekeyed', 'password-wrap-old'), file('rekeyed', 'password-wrap'));
    requireExit(await unlock('rekeyed'), 11, /its key does not open/);
    copyFileSync(file('rekeyed', 'password-wrap-new'), file('rekeyed', 'password-wrap'));
    copyFileSync(file('rekeyed', 'db'), file('rekeyed', 'db-new'));
    copyFileSync(file('rekeyed', 'db-old'), file('rekeyed', 'db'));
    requireExit(await unlock('rekeyed'), 11, /its key does not open/);
    copyFileSync(file('rekeyed', 'db-new'), file('rekeyed', 'db'));
    requireExit(await unlock('rekeyed'), 0, /^$/);
  });

  it('does not lose a factor by accident, and loses one that is named', async () => {
    await device.must(['factor', 'add', 'recovery', '-p', 'rekeyed']);
    requireExit(await device.sesame(['rekey', '-p', 'rekeyed', '--password-stdin'], passwordLine), 2, /recovery would be lost/);
    const drop = ['rekey', '-p', 'rekeyed', '--password-stdin', '--drop', 'recovery'];
    requireExit(await device.sesame(drop, passwordLine), 0, /dropped recovery/);
    assert.deepEqual(await factorsOf('rekeyed'), ['password']);
    assert.ok(!existsSync(file('rekeyed', 'recovery-wrap')));
    requireExit(await device.sesame([...drop.slice(0, -1), 'tpm'], passwordLine), 6, /has no factor tpm/);
  });
});

describe('a vault that needs a second factor', () => {
  /** As a desktop with an SSH key leaves it; the key itself is not here. */
  async function withSecondFactor(profile: string, policy: unknown): Promise<void> {
    await initialise(profile);
    const meta = JSON.parse(readFileSync(file(profile, 'vault-meta'), 'utf8'));
    meta.auth_policy = policy;
    meta.enrolled_factors.push({ factor_id: 'ssh-agent', label: 'a key', enrolled_at: 0 });
    writeFileSync(file(profile, 'vault-meta'), JSON.stringify(meta));
  }

  it('is unlocked in part by the first: exit 4, what is missing and for how long, and no secret is served', async () => {
    await withSecondFactor('partial', 'all');
    requireExit(await unlock('partial'), 4, new RegExp(`still locked: ssh-agent must follow within (${partialSeconds}|9) s`));
    assert.equal(await stateOf('partial'), 'partial');
    requireExit(await device.sesame(['secret', 'list', '-p', 'partial']), 4, /is locked/);
  });

  it('is locked again when the time for the second is over', async () => {
    const startedAt = performance.now();
    await device.eventually('the first factor is forgotten', async () => (await stateOf('partial')) === 'locked', 20_000);
    assert.ok(performance.now() - startedAt < partialSeconds * 1000 + 5000, 'after the configured time, not after two minutes');
  });

  it('is locked again by lock', async () => {
    requireExit(await unlock('partial'), 4, /still locked/);
    requireExit(await device.sesame(['lock', '-p', 'partial']), 0, /locked partial/);
    assert.equal(await stateOf('partial'), 'locked');
  });

  for (const [name, policy, exit, message] of [
    ['with "any" the password suffices', 'any', 0, /^$/],
    ['with the password required and nothing more', { policy: { required: ['password'], additional_required: 0 } }, 0, /^$/],
    ['with any one required', { policy: { required: [], additional_required: 1 } }, 0, /^$/],
    ['with any two required', { policy: { required: [], additional_required: 2 } }, 4, /ssh-agent must follow/],
    ['with the other one required', { policy: { required: ['ssh-agent'], additional_required: 0 } }, 4, /ssh-agent must follow/],
    [
      'with a factor required that is not enrolled',
      { policy: { required: ['tpm'], additional_required: 0 } },
      4,
      /tpm must follow/,
    ],
  ] as const) {
    it(`${name}: exit ${exit}`, async () => {
      const profile = name.replaceAll(/[^a-z]+/g, '-').slice(0, 60);
      await withSecondFactor(profile, policy);
      requireExit(await unlock(profile), exit, message);
      await lock(profile);
    });
  }
});

describe('wrong passwords', () => {
  const profile = 'guessed';
  const delayed = /wait (\d+) s, then the right factor works again/;
  const guess = () => unlock(profile, 'a guess\n');

  before(() => initialise(profile));

  it('are exit 8, and cost a delay from the third on, for the right one as well', async () => {
    for (let count = 0; count < 3; count += 1) requireExit(await guess(), 8, /the password does not open/);
    requireExit(await unlock(profile), 8, delayed);
  });

  it('cost more each time, and guesses during the delay are not even tried', async () => {
    let last = 1;
    for (const seconds of [2, 4]) {
      await wait(last * 1000 + 100);
      requireExit(await guess(), 8, /the password does not open/);
      const refused = await guess();
      requireExit(refused, 8, delayed);
      const named = Number(delayed.exec(refused.stderr)?.[1]);
      assert.ok(named > last && named <= seconds, `${named} s`);
      last = seconds;
    }
  });

  it('do not hold up another profile', async () => {
    requireExit(await unlock('unseen'), 0, /^$/);
  });

  it('are not forgotten when daemon-secrets is killed and comes back', async () => {
    await device.end('daemon-secrets', 'SIGKILL');
    device.launch('daemon-secrets');
    await device.eventually('it answers', async () => (await device.sesame(['factor', 'list', '-p', profile])).code === 0);
    requireExit(await unlock(profile), 8, delayed);
  });

  it('never lock the owner out: after the delay the right one opens, and then nothing is held against anybody', async () => {
    await device.eventually('the delay is over', async () => (await unlock(profile)).code === 0, 8000);
    await lock(profile);
    assert.ok(!existsSync(file(profile, 'unlock-attempts')));
    for (let count = 0; count < 2; count += 1) requireExit(await guess(), 8, /the password does not open/);
    requireExit(await unlock(profile), 0, /^$/);
  });
});
