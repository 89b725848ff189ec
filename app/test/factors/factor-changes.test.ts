// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Evidence, Factor } from '../../src/factors/factor.ts';
import type { FactorId } from '../../src/factors/factor-id.ts';
import type { AuthPolicy } from '../../src/factors/policy.ts';
import { builtInFactors } from '../../src/factors/registry.ts';
import type { SecretBytes } from '../../src/memory/secret-bytes.ts';
import { Fixture, failsWith, masterKeyOf, memory, password, recovery, tokenFactor, tpm, yubikey } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = new Fixture();
});
afterEach(() => fixture.remove());

const unlock = async (...presented: Parameters<typeof fixture.keyring.unlock>[1]) =>
  masterKeyOf(await fixture.keyring.unlock('home', presented));
const keyOf = (hex: string): SecretBytes => memory.take(Buffer.from(hex, 'hex'));
const factors = () => fixture.keyring.list('home').factors.map(({ factor }) => factor);

describe('adding a factor', () => {
  it('opens the vault with it from then on', async () => {
    const { masterKey } = await fixture.initialise([password()]);
    assert.deepEqual(await fixture.keyring.add('home', 'tpm', [tpm()], keyOf(masterKey)), { state: 'added' });
    assert.deepEqual([await unlock(tpm()), await unlock(password())], [masterKey, masterKey]);
  });

  it('records it in the metadata with its time', async () => {
    const { masterKey } = await fixture.initialise([password()]);
    fixture.clock.advance(5_000);
    await fixture.keyring.add('home', 'tpm', [tpm()], keyOf(masterKey));
    const meta = JSON.parse(readFileSync(fixture.path('vault-meta'), 'utf8'));
    assert.deepEqual(meta.enrolled_factors[1], { factor_id: 'tpm', label: 'token tpm', enrolled_at: 1_700_000_005 });
  });

  it('leaves the caller its master key', async () => {
    const masterKey = keyOf((await fixture.initialise([password()])).masterKey);
    await fixture.keyring.add('home', 'tpm', [tpm()], masterKey);
    assert.equal(masterKey.released, false);
  });

  it('is refused when it is enrolled', async () => {
    const { masterKey } = await fixture.initialise([password()]);
    await assert.rejects(
      fixture.keyring.add('home', 'password', [password('new')], keyOf(masterKey)),
      failsWith('factor-enrolled', 'password'),
    );
  });

  it('is refused without its evidence', async () => {
    const { masterKey } = await fixture.initialise([password()]);
    await assert.rejects(
      fixture.keyring.add('home', 'tpm', [password()], keyOf(masterKey)),
      failsWith('factor-evidence-missing', 'tpm'),
    );
  });

  it('in all mode changes nothing and asks for a rekey', async () => {
    const { masterKey } = await fixture.initialise([password()], 'all');
    const before = fixture.snapshot();
    assert.deepEqual(await fixture.keyring.add('home', 'tpm', [tpm()], keyOf(masterKey)), { state: 'rekey-needed' });
    assert.deepEqual(fixture.snapshot(), before);
  });

  it('leaves no wrap behind when the metadata cannot be written', async () => {
    const { masterKey } = await fixture.initialise([password()]);
    const token = tokenFactor('tpm');
    // A directory in the place of the metadata makes the rename fail, for root too.
    const wrap: Factor['wrap'] = async (context, evidence, piece) => {
      rmSync(fixture.path('vault-meta'));
      mkdirSync(fixture.path('vault-meta'));
      return await token.wrap(context, evidence, piece);
    };
    fixture.open({ factors: [...builtInFactors, { ...token, wrap }] });
    await assert.rejects(
      fixture.keyring.add('home', 'tpm', [tpm()], keyOf(masterKey)),
      failsWith('storage-failed', 'vault-meta'),
    );
    assert.equal(existsSync(fixture.path('tpm-enrollment')), false);
  });
});

describe('adding a recovery key', () => {
  for (const policy of ['any', 'all'] satisfies AuthPolicy[]) {
    it(`in ${policy} mode gives a key that opens the vault alone`, async () => {
      const { masterKey } = await fixture.initialise([password(), tpm()], policy);
      const added = await fixture.keyring.add('home', 'recovery', [], keyOf(masterKey));
      assert.equal(added.state, 'added');
      assert.equal(await unlock(recovery(added.state === 'added' ? added.recoveryKey : undefined)), masterKey);
    });
  }

  it('is refused when there is one', async () => {
    const { masterKey } = await fixture.initialise([password()], 'any', true);
    await assert.rejects(fixture.keyring.add('home', 'recovery', [], keyOf(masterKey)), failsWith('factor-enrolled', 'recovery'));
  });
});

describe('replacing a factor', () => {
  const replace = (id: FactorId, presented: Evidence[], masterKey: string) =>
    fixture.keyring.replace('home', id, presented, keyOf(masterKey));

  it('opens the vault with the new evidence and no longer with the old', async () => {
    const { masterKey } = await fixture.initialise([password('old')]);
    assert.deepEqual(await replace('password', [password('new')], masterKey), { state: 'replaced' });
    await assert.rejects(unlock(password('old')), failsWith('authentication-failed', 'password'));
    fixture.clock.advance(60_000);
    assert.equal(await unlock(password('new')), masterKey);
  });

  it('changes nothing about the other factors', async () => {
    const { masterKey, recoveryKey } = await fixture.initialise([password('old'), tpm()], 'any', true);
    const wrap = () => [readFileSync(fixture.path('tpm-enrollment'), 'hex'), readFileSync(fixture.path('recovery-wrap'), 'hex')];
    const before = wrap();
    await replace('password', [password('new')], masterKey);
    assert.deepEqual(wrap(), before);
    assert.deepEqual([await unlock(tpm()), await unlock(recovery(recoveryKey))], [masterKey, masterKey]);
  });

  it('records the time in the metadata and keeps the rest of it', async () => {
    const { masterKey } = await fixture.initialise([password('old'), tpm()]);
    const meta = () => JSON.parse(readFileSync(fixture.path('vault-meta'), 'utf8'));
    const before = meta();
    fixture.clock.advance(5_000);
    await replace('password', [password('new')], masterKey);
    before.enrolled_factors[0].enrolled_at = 1_700_000_005;
    assert.deepEqual(meta(), before);
  });

  it('works in policy mode', async () => {
    const policy: AuthPolicy = { policy: { required: ['tpm'], additional_required: 1 } };
    const { masterKey } = await fixture.initialise([password('old'), tpm()], policy);
    await replace('password', [password('new')], masterKey);
    assert.equal(await unlock(password('new'), tpm()), masterKey);
  });

  for (const policy of ['any', 'all'] satisfies AuthPolicy[]) {
    it(`in ${policy} mode gives a new recovery key and makes the old one useless`, async () => {
      const { masterKey, recoveryKey } = await fixture.initialise([password()], policy, true);
      const replaced = await replace('recovery', [], masterKey);
      assert.equal(replaced.state, 'replaced');
      assert.equal(await unlock(recovery(replaced.state === 'replaced' ? replaced.recoveryKey : undefined)), masterKey);
      await assert.rejects(unlock(recovery(recoveryKey)), failsWith('authentication-failed', 'the recovery key does not open'));
    });
  }

  it('in all mode changes nothing and asks for a rekey', async () => {
    const { masterKey } = await fixture.initialise([password('old'), tpm()], 'all');
    const before = fixture.snapshot();
    assert.deepEqual(await replace('password', [password('new'), tpm()], masterKey), { state: 'rekey-needed' });
    assert.deepEqual(fixture.snapshot(), before);
  });

  it('is refused when the factor is not enrolled', async () => {
    const { masterKey } = await fixture.initialise([password()]);
    await assert.rejects(replace('tpm', [tpm()], masterKey), failsWith('factor-not-enrolled', 'tpm'));
  });

  it('is refused without the new evidence', async () => {
    const { masterKey } = await fixture.initialise([password(), tpm()]);
    await assert.rejects(replace('password', [tpm()], masterKey), failsWith('factor-evidence-missing', 'password'));
  });

  it('leaves the old evidence working when it cannot be written', async () => {
    const { masterKey } = await fixture.initialise([password('old'), tpm()]);
    const token = tokenFactor('tpm');
    // A directory in the place of the metadata makes the rename fail, for root too.
    const wrap: Factor['wrap'] = async (context, evidence, piece) => {
      renameSync(fixture.path('vault-meta'), fixture.path('kept'));
      mkdirSync(fixture.path('vault-meta'));
      return await token.wrap(context, evidence, piece);
    };
    fixture.open({ factors: [...builtInFactors, { ...token, wrap }] });
    await assert.rejects(replace('tpm', [tpm('another')], masterKey), failsWith('storage-failed', 'vault-meta'));
    rmSync(fixture.path('vault-meta'), { recursive: true });
    renameSync(fixture.path('kept'), fixture.path('vault-meta'));
    assert.equal(await unlock(tpm()), masterKey);
  });

  it('leaves the caller its master key, and gives every other page of secret memory back', async () => {
    const masterKey = keyOf((await fixture.initialise([password('old')])).masterKey);
    const held = password('new');
    const before = memory.status().pagesInUse;
    await fixture.keyring.replace('home', 'password', [held], masterKey);
    assert.deepEqual([masterKey.released, memory.status().pagesInUse], [false, before]);
  });

  it('forgets a partial unlock that rested on it', async () => {
    const policy: AuthPolicy = { policy: { required: [], additional_required: 2 } };
    const { masterKey } = await fixture.initialise([password('old'), tpm()], policy);
    await fixture.keyring.unlock('home', [password('old')]);
    await replace('password', [password('new')], masterKey);
    assert.equal(fixture.keyring.partialUnlock('home'), undefined);
  });

  it('does not forget earlier failures: nothing was proved', async () => {
    const { masterKey } = await fixture.initialise([password('old')]);
    await assert.rejects(unlock(password('wrong')), failsWith('authentication-failed'));
    await replace('password', [password('new')], masterKey);
    assert.equal(readFileSync(fixture.path('unlock-attempts'), 'latin1'), '1\n');
  });
});

describe('removing a factor', () => {
  it('takes its file and its entry and leaves the other working', async () => {
    const { masterKey } = await fixture.initialise([password(), tpm()]);
    assert.deepEqual(await fixture.keyring.remove('home', 'password'), { state: 'removed' });
    assert.deepEqual([existsSync(fixture.path('password-wrap')), factors()], [false, ['tpm']]);
    assert.equal(await unlock(tpm()), masterKey);
  });

  it('makes its evidence useless', async () => {
    await fixture.initialise([password(), tpm()]);
    await fixture.keyring.remove('home', 'password');
    await assert.rejects(fixture.keyring.unlock('home', [password()]), failsWith('factor-not-enrolled', 'password'));
  });

  it('works when its file is damaged or gone already', async () => {
    await fixture.initialise([password(), tpm(), yubikey()]);
    truncateSync(fixture.path('password-wrap'), 3);
    await fixture.keyring.remove('home', 'password');
    rmSync(fixture.path('tpm-enrollment'));
    await fixture.keyring.remove('home', 'tpm');
    assert.deepEqual(factors(), ['yubikey']);
  });

  it('is refused for the last one, recovery notwithstanding', async () => {
    await fixture.initialise([password()], 'any', true);
    const before = fixture.snapshot();
    await assert.rejects(fixture.keyring.remove('home', 'password'), failsWith('factor-last', 'password'));
    assert.deepEqual(fixture.snapshot(), before);
  });

  it('is refused when the file of the only other one is damaged', async () => {
    await fixture.initialise([password(), tpm()]);
    truncateSync(fixture.path('tpm-enrollment'), 3);
    await assert.rejects(fixture.keyring.remove('home', 'password'), failsWith('file-damaged', 'tpm-enrollment'));
    assert.deepEqual(factors(), ['password', 'tpm']);
  });

  it('is refused when the policy requires it', async () => {
    await fixture.initialise([password(), tpm()], { policy: { required: ['tpm'], additional_required: 0 } });
    await assert.rejects(fixture.keyring.remove('home', 'tpm'), failsWith('factor-required', 'tpm'));
  });

  it('is refused when the policy needs as many', async () => {
    await fixture.initialise([password(), tpm()], { policy: { required: [], additional_required: 2 } });
    await assert.rejects(fixture.keyring.remove('home', 'tpm'), failsWith('factor-required', 'tpm'));
  });

  it('is refused when it is not enrolled', async () => {
    await fixture.initialise([password()]);
    await assert.rejects(fixture.keyring.remove('home', 'tpm'), failsWith('factor-not-enrolled', 'tpm'));
  });

  it('in all mode changes nothing and asks for a rekey', async () => {
    await fixture.initialise([password(), tpm()], 'all');
    const before = fixture.snapshot();
    assert.deepEqual(await fixture.keyring.remove('home', 'tpm'), { state: 'rekey-needed' });
    assert.deepEqual(fixture.snapshot(), before);
  });

  it('takes a recovery key away in every mode', async () => {
    const { recoveryKey } = await fixture.initialise([password(), tpm()], 'all', true);
    await fixture.keyring.remove('home', 'recovery');
    assert.equal(existsSync(fixture.path('recovery-wrap')), false);
    await assert.rejects(fixture.keyring.unlock('home', [recovery(recoveryKey)]), failsWith('factor-not-enrolled', 'recovery'));
  });

  it('forgets a partial unlock that rested on it', async () => {
    await fixture.initialise([password(), tpm(), yubikey()], { policy: { required: [], additional_required: 2 } });
    await fixture.keyring.unlock('home', [password()]);
    await fixture.keyring.remove('home', 'password');
    assert.equal(fixture.keyring.partialUnlock('home'), undefined);
  });
});
