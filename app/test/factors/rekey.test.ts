// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Evidence, RekeyChange, StagedRekey } from '../../src/factors/keyring.ts';
import type { AuthPolicy } from '../../src/factors/policy.ts';
import { Fixture, failsWith, masterKeyOf, memory, password, recovery, reveal, tpm, yubikey } from './fixture.ts';

let fixture: Fixture;
let targetDirectory: string;
beforeEach(() => {
  fixture = new Fixture();
});
afterEach(() => fixture.remove());

const unlock = async (...presented: Evidence[]) => masterKeyOf(await fixture.keyring.unlock('home', presented));

async function stage(evidence: Evidence[], change?: RekeyChange, newRecovery = false): Promise<StagedRekey> {
  targetDirectory = fixture.stage();
  const options = { profile: 'home', evidence, targetDirectory, newRecovery };
  return await fixture.keyring.stageRekey(change === undefined ? options : { ...options, change });
}

/** Stages and commits; the new master key in hex. */
async function rekey(...args: Parameters<typeof stage>): Promise<StagedRekey & { hex: string }> {
  const staged = await stage(...args);
  fixture.commit();
  return { ...staged, hex: reveal(staged.masterKey) };
}

describe('staging a rekey', () => {
  it('makes a new master key that the proved factors open', async () => {
    const { masterKey } = await fixture.initialise([password(), tpm()]);
    const { hex } = await rekey([password(), tpm()]);
    assert.notEqual(hex, masterKey);
    assert.deepEqual([await unlock(password()), await unlock(tpm())], [hex, hex]);
  });

  it('touches nothing outside its directory', async () => {
    await fixture.initialise([password()]);
    const before = fixture.snapshot();
    (await stage([password()])).masterKey.release();
    const staged = readdirSync(targetDirectory).sort();
    fixture.discard();
    assert.deepEqual(fixture.snapshot(), before);
    assert.deepEqual(staged, ['home.password-wrap', 'home.salt', 'home.vault-meta']);
  });

  it('keeps the salt', async () => {
    await fixture.initialise([password()]);
    const salt = readFileSync(fixture.path('salt'));
    await rekey([password()]);
    assert.deepEqual(readFileSync(fixture.path('salt')), salt);
  });

  it('keeps the rest of the metadata', async () => {
    await fixture.initialise([password()], 'any', false, { kdf: 'pbkdf2-sha256', hkdf: 'hkdf-sha256' });
    const meta = { ...JSON.parse(readFileSync(fixture.path('vault-meta'), 'utf8')), future: [1] };
    writeFileSync(fixture.path('vault-meta'), JSON.stringify(meta));
    fixture.clock.advance(9_000);
    await rekey([password()]);
    assert.deepEqual(JSON.parse(readFileSync(fixture.path('vault-meta'), 'utf8')), meta);
  });

  it('drops and names the factors without evidence, and their files', async () => {
    await fixture.initialise([password(), tpm()], 'any', true);
    const { kept, dropped, droppedFiles } = await rekey([password()]);
    assert.deepEqual([kept, dropped], [['password'], ['tpm', 'recovery']]);
    assert.deepEqual(droppedFiles, ['home.tpm-enrollment', 'home.recovery-wrap']);
    await assert.rejects(unlock(tpm()), failsWith('factor-not-enrolled', 'tpm'));
  });

  it('names the file of a factor that this program does not have', async () => {
    await fixture.initialise([password()]);
    writeFileSync(fixture.path('ssh-enrollment'), 'a foreign enrolment');
    assert.deepEqual((await rekey([password()])).droppedFiles, ['home.ssh-enrollment']);
  });

  it('keeps a recovery key whose text is given', async () => {
    const { recoveryKey } = await fixture.initialise([password()], 'any', true);
    const { hex, kept } = await rekey([password(), recovery(recoveryKey)]);
    assert.deepEqual([kept, await unlock(recovery(recoveryKey))], [['password', 'recovery'], hex]);
  });

  it('replaces a recovery key on demand', async () => {
    const { recoveryKey } = await fixture.initialise([password()], 'any', true);
    const staged = await rekey([password()], undefined, true);
    assert.deepEqual([staged.dropped, staged.droppedFiles], [[], []]);
    assert.equal(await unlock(recovery(staged.recoveryKey)), staged.hex);
    await assert.rejects(unlock(recovery(recoveryKey)), failsWith('authentication-failed', 'the recovery key does not open'));
  });

  it('counts wrong evidence as a failed attempt and makes nothing', async () => {
    await fixture.initialise([password()]);
    await assert.rejects(stage([password('wrong')]), failsWith('authentication-failed', 'password'));
    assert.deepEqual(readdirSync(targetDirectory), []);
    assert.equal(readFileSync(fixture.path('unlock-attempts'), 'latin1'), '1\n');
  });

  it('is refused without any evidence', async () => {
    await fixture.initialise([password()]);
    await assert.rejects(stage([]), failsWith('policy-unsatisfiable', '1 more'));
  });

  it('is refused with the recovery key alone: no factor would be left', async () => {
    const { recoveryKey } = await fixture.initialise([password()], 'any', true);
    await assert.rejects(stage([recovery(recoveryKey)]), failsWith('policy-unsatisfiable'));
  });

  it('is refused without a factor that the policy requires', async () => {
    await fixture.initialise([password(), tpm()], { policy: { required: ['tpm'], additional_required: 0 } });
    await assert.rejects(stage([password()]), failsWith('factor-evidence-missing', 'tpm'));
  });

  it('forgets earlier failures', async () => {
    await fixture.initialise([password()]);
    await assert.rejects(unlock(password('wrong')), failsWith('authentication-failed'));
    await rekey([password()]);
    assert.equal(fixture.snapshot().has('home.unlock-attempts'), false);
  });

  it('gives every page of secret memory back', async () => {
    await fixture.initialise([password(), tpm()], 'all');
    const held = [password(), tpm()];
    const before = memory.status().pagesInUse;
    const { recoveryKey } = await rekey(held, undefined, true);
    recoveryKey?.release();
    assert.equal(memory.status().pagesInUse, before);
  });
});

describe('a rekey in all mode', () => {
  it('gives each factor a new piece of its own', async () => {
    const { masterKey } = await fixture.initialise([password(), tpm()], 'all');
    const { hex } = await rekey([password(), tpm()]);
    assert.notEqual(hex, masterKey);
    assert.equal(await unlock(password(), tpm()), hex);
  });

  it('adds a factor', async () => {
    await fixture.initialise([password()], 'all');
    const { hex, kept } = await rekey([password(), tpm()], { add: 'tpm' });
    assert.deepEqual(kept, ['password', 'tpm']);
    assert.equal(await unlock(password()), 'partial');
    assert.equal(await unlock(tpm()), hex);
  });

  it('removes a factor, with or without its evidence', async () => {
    await fixture.initialise([password(), tpm(), yubikey()], 'all');
    await rekey([password(), tpm()], { remove: 'yubikey' });
    const { hex, dropped } = await rekey([password(), tpm()], { remove: 'tpm' });
    assert.deepEqual([dropped, await unlock(password())], [['tpm'], hex]);
  });

  it('replaces a factor, whose new evidence nothing could verify, by a piece of its own', async () => {
    await fixture.initialise([password('old'), tpm()], 'all');
    fixture.clock.advance(7_000);
    const { hex, kept, dropped } = await rekey([password('new'), tpm()], { replace: 'password' });
    assert.deepEqual([kept, dropped], [['password', 'tpm'], []]);
    await assert.rejects(unlock(password('old')), failsWith('authentication-failed', 'password'));
    fixture.clock.advance(60_000);
    assert.equal(await unlock(password('new'), tpm()), hex);
    const meta = JSON.parse(readFileSync(fixture.path('vault-meta'), 'utf8'));
    const times = meta.enrolled_factors.map((factor: { enrolled_at: number }) => factor.enrolled_at);
    assert.deepEqual(times, [1_700_000_007, 1_700_000_000]);
  });

  it('that replaces a factor still verifies the others', async () => {
    await fixture.initialise([password('old'), tpm()], 'all');
    const wrong = [password('new'), tpm('another')];
    await assert.rejects(stage(wrong, { replace: 'password' }), failsWith('authentication-failed', 'TPM'));
  });

  it('that replaces a factor does not forget earlier failures', async () => {
    await fixture.initialise([password('old')], 'all');
    await assert.rejects(unlock(password('wrong')), failsWith('authentication-failed'));
    fixture.clock.advance(60_000);
    await rekey([password('new')], { replace: 'password' });
    assert.equal(fixture.snapshot().has('home.unlock-attempts'), true);
  });

  const refused: [string, Evidence[], RekeyChange, Parameters<typeof failsWith>][] = [
    ['adding without the new evidence', [password(), tpm()], { add: 'yubikey' }, ['factor-evidence-missing', 'yubikey']],
    ['adding without that of a present factor', [password(), yubikey()], { add: 'yubikey' }, ['factor-evidence-missing', 'tpm']],
    ['adding what is there', [password(), tpm()], { add: 'tpm' }, ['factor-enrolled', 'tpm']],
    ['removing without that of a factor that stays', [tpm()], { remove: 'tpm' }, ['factor-evidence-missing', 'password']],
    ['removing what is not there', [password(), tpm()], { remove: 'yubikey' }, ['factor-not-enrolled', 'yubikey']],
    ['replacing without the new evidence', [tpm()], { replace: 'password' }, ['factor-evidence-missing', 'password']],
    ['replacing without that of another factor', [password()], { replace: 'password' }, ['factor-evidence-missing', 'tpm']],
    ['replacing what is not there', [password(), tpm()], { replace: 'yubikey' }, ['factor-not-enrolled', 'yubikey']],
    ['the new evidence twice', [password(), tpm(), yubikey(), yubikey()], { add: 'yubikey' }, ['factor-repeated', 'yubikey']],
  ];
  for (const [what, evidence, change, expected] of refused) {
    it(`is refused for ${what}`, async () => {
      await fixture.initialise([password(), tpm()], 'all');
      await assert.rejects(stage(evidence, change), failsWith(...expected));
    });
  }

  it('does not drop a recovery key in passing', async () => {
    await fixture.initialise([password()], 'all', true);
    await assert.rejects(stage([password(), tpm()], { add: 'tpm' }), failsWith('factor-evidence-missing', 'recovery'));
  });

  it('may replace the recovery key while it adds a factor', async () => {
    await fixture.initialise([password()], 'all', true);
    const { hex, recoveryKey } = await rekey([password(), tpm()], { add: 'tpm' }, true);
    assert.equal(await unlock(recovery(recoveryKey)), hex);
  });

  it('is refused for removing the last factor', async () => {
    await fixture.initialise([password()], 'all');
    await assert.rejects(stage([password()], { remove: 'password' }), failsWith('factor-last', 'password'));
  });
});

describe('a rekey of the oldest form of vault', () => {
  const policy: AuthPolicy = 'any';

  let old: string;

  beforeEach(async () => {
    writeFileSync(fixture.path('salt'), Buffer.alloc(16, 7));
    writeFileSync(fixture.path('db'), '');
    let made: string | undefined;
    fixture.open({
      opensVault: (_, candidate) => {
        const hash = createHash('sha256').update(candidate.bytes).digest('hex');
        made ??= hash;
        return made === hash;
      },
    });
    old = await unlock(password());
  });

  it('gives the password a wrap and upstream its metadata', async () => {
    const { hex } = await rekey([password()]);
    assert.notEqual(hex, old);
    assert.equal(await unlock(password()), hex);
    const meta = JSON.parse(readFileSync(fixture.path('vault-meta'), 'utf8'));
    assert.deepEqual([meta.init_mode, meta.auth_policy, meta.open_sesame_devices], ['password', policy, {}]);
  });

  it('is what a new password takes, which then has a wrap', async () => {
    const masterKey = memory.take(Buffer.from(old, 'hex'));
    assert.deepEqual(await fixture.keyring.replace('home', 'password', [password('new')], masterKey), { state: 'rekey-needed' });
    const { hex } = await rekey([password('new')], { replace: 'password' });
    assert.notEqual(hex, old);
    assert.equal(await unlock(password('new')), hex);
    await assert.rejects(unlock(password()), failsWith('authentication-failed', 'password'));
  });
});
