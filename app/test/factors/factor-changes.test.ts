// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Factor } from '../../src/factors/factor.ts';
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
