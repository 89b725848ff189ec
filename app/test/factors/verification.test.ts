// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { rmSync, truncateSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Factor } from '../../src/factors/factor.ts';
import type { Evidence } from '../../src/factors/keyring.ts';
import { passwordFactor } from '../../src/factors/password.ts';
import { Fixture, failsWith, masterKeyOf, password, tokenFactor, tpm } from './fixture.ts';

let fixture: Fixture;
let tried: string[];
beforeEach(() => {
  fixture = new Fixture();
  fixture.open({ factors: [counted(passwordFactor), counted(tokenFactor('tpm'))] });
  tried = [];
});
afterEach(() => fixture.remove());

/** The factor itself, with a note of each time it works on evidence. */
function counted(factor: Factor): Factor {
  return {
    ...factor,
    unwrap: async (context, file, evidence) => {
      tried.push(factor.id);
      return await factor.unwrap(context, file, evidence);
    },
  };
}

const unlock = (...evidence: Evidence[]) => fixture.keyring.unlock('home', evidence);

describe('verifying evidence', () => {
  const attempts: [string, Evidence[]][] = [
    ['all of it is right', [password(), tpm()]],
    ['the first is wrong', [password('wrong'), tpm()]],
    ['the last is wrong', [password(), tpm('wrong')]],
    ['all of it is wrong', [password('wrong'), tpm('wrong')]],
  ];
  for (const [what, evidence] of attempts) {
    it(`works on each part once when ${what}`, async () => {
      await fixture.initialise([password(), tpm()]);
      await unlock(...evidence).then(masterKeyOf, (thrown) => assert.ok(failsWith('authentication-failed')(thrown)));
      assert.deepEqual(tried, ['password', 'tpm']);
    });
  }

  it('names the first wrong factor', async () => {
    await fixture.initialise([password(), tpm()]);
    await assert.rejects(unlock(tpm('wrong'), password('wrong')), failsWith('authentication-failed', 'TPM'));
  });

  it('does no work when a file is damaged', async () => {
    await fixture.initialise([password(), tpm()]);
    truncateSync(fixture.path('tpm-enrollment'), 5);
    await assert.rejects(unlock(password(), tpm()), failsWith('file-damaged', 'tpm-enrollment'));
    assert.deepEqual(tried, []);
  });

  it('does no work during the delay', async () => {
    await fixture.initialise([password()]);
    for (let guess = 0; guess < 3; guess++) await assert.rejects(unlock(password('wrong')), failsWith('authentication-failed'));
    tried = [];
    await assert.rejects(unlock(password()), failsWith('authentication-delayed'));
    assert.deepEqual(tried, []);
  });

  it('hands on what is wrong with the vault rather than with a password', async () => {
    await fixture.initialise([password()]);
    const trouble = new RangeError('the database is gone');
    for (const suffix of ['password-wrap', 'vault-meta']) rmSync(fixture.path(suffix));
    fixture.open({
      opensVault: () => {
        throw trouble;
      },
    });
    await assert.rejects(unlock(password()), trouble);
    assert.equal(fixture.snapshot().has('home.unlock-attempts'), false);
  });
});
