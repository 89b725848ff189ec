// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { SoftwareTpm } from '../support/swtpm.ts';
import { failsWith, memory, password } from './fixture.ts';
import { byTpm, TpmFixture } from './tpm-fixture.ts';

describe('a seal to one boot state, after a new one', () => {
  let chip: SoftwareTpm;
  let fixture: TpmFixture;
  let masterKey: string;

  before(async () => {
    chip = await SoftwareTpm.start();
  });
  after(() => chip.remove());

  /** Boots into the version that extends PCR 7 so many times. */
  async function bootInto(version: number): Promise<void> {
    await chip.reboot();
    for (let count = 0; count < version; count += 1) chip.extend(7);
  }

  /** Seals anew in the boot state of now, as somebody does who unlocked by another factor. */
  async function reseal(...pin: string[]): Promise<void> {
    const key = memory.take(Buffer.from(masterKey, 'hex'));
    try {
      await fixture.keyring.replace('home', 'tpm', [byTpm(...pin)], key);
    } finally {
      key.release();
    }
  }

  const kept = () => existsSync(fixture.path('tpm-enrollment.previous'));

  beforeEach(async () => {
    await bootInto(1);
    fixture = new TpmFixture(chip);
    ({ masterKey } = await fixture.initialise([byTpm(), password()]));
  });
  afterEach(() => fixture.remove());

  it('opens as long as the new one has not: the way back', async () => {
    await bootInto(2);
    await reseal();
    await bootInto(1);
    assert.equal(await fixture.opens(), masterKey);
    assert.equal(await fixture.opens(), masterKey);
  });

  it('is gone once the new one has opened', async () => {
    await bootInto(2);
    await reseal();
    assert.ok(kept());
    assert.equal(await fixture.opens(), masterKey);
    assert.ok(!kept());
    await bootInto(1);
    await assert.rejects(fixture.opens(), failsWith('tpm-policy-failed', 'PCR 7 '));
  });

  it('is the last that has opened, when several were made since', async () => {
    for (const version of [2, 3]) {
      await bootInto(version);
      await reseal();
    }
    await bootInto(1);
    assert.equal(await fixture.opens(), masterKey);
    await bootInto(2);
    await assert.rejects(fixture.opens(), failsWith('tpm-policy-failed'));
  });

  it('is not kept for the same boot state: a new PIN counts at once', async () => {
    await reseal('1234');
    assert.ok(!kept());
    await assert.rejects(fixture.opens(), failsWith('tpm-pin-missing'));
    assert.equal(await fixture.opens('1234'), masterKey);
  });

  it('opens no third boot state, which is refused by what the new one says', async () => {
    await bootInto(2);
    await reseal();
    await bootInto(3);
    await assert.rejects(fixture.opens(), failsWith('tpm-policy-failed', 'PCR 7 '));
  });

  it('is removed with the factor', async () => {
    await bootInto(2);
    await reseal();
    await fixture.keyring.remove('home', 'tpm');
    assert.ok(!kept());
  });

  it('goes with the old master key', async () => {
    await bootInto(2);
    await reseal();
    const targetDirectory = fixture.stage();
    const evidence = [password()];
    const { droppedFiles, masterKey: renewed } = await fixture.keyring.stageRekey({
      profile: 'home',
      evidence,
      newRecovery: false,
      targetDirectory,
    });
    renewed.release();
    assert.deepEqual(droppedFiles, ['home.tpm-enrollment', 'home.tpm-enrollment.previous']);
  });
});
