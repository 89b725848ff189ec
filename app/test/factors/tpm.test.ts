// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SesameError } from '../../src/core/errors.ts';
import { parseEnrolment } from '../../src/tpm/enrolment.ts';
import { pcrSelection } from '../../src/tpm/pcr-selection.ts';
import { capBootState } from '../../src/tpm/sealed-key.ts';
import { sized, u32 } from '../../src/tpm/wire.ts';
import { rounds } from '../support/campaign.ts';
import { SoftwareTpm } from '../support/swtpm.ts';
import { anyCommand, TpmProxy } from '../support/tpm-proxy.ts';
import { failsWith, masterKeyOf, password, recovery } from './fixture.ts';
import { byTpm, TpmFixture } from './tpm-fixture.ts';

/** TPM_CC */
const code = { create: 0x153, unseal: 0x15e, readPublic: 0x173, startAuthSession: 0x176 } as const;

describe('the tpm factor', () => {
  let chip: SoftwareTpm;
  let fixture: TpmFixture;
  before(async () => {
    chip = await SoftwareTpm.start();
  });
  after(() => chip.remove());
  beforeEach(async () => {
    await chip.reboot();
    chip.extend(7);
    fixture = new TpmFixture(chip);
  });
  afterEach(() => fixture.remove());

  it('opens by itself while the PCRs are as they were', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    assert.equal(await fixture.opens(), masterKey);
  });

  it('opens after a reboot that measured the same', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    await chip.reboot();
    chip.extend(7);
    assert.equal(await fixture.opens(), masterKey);
  });

  it('refuses by the name of the PCR after something else was measured, with exit 9', async () => {
    await fixture.initialise([byTpm()]);
    chip.extend(7);
    await assert.rejects(
      fixture.opens(),
      (thrown) => failsWith('tpm-policy-failed', 'PCR 7 ', 'sha256')(thrown) && exitOf(thrown) === 9,
    );
  });

  it('opens after its storage key was evicted: the seed makes the same one', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    chip.tool('tpm2_evictcontrol', '-C', 'o', '-c', '0x81000001');
    assert.equal(await fixture.opens(), masterKey);
  });

  it('leaves the storage root key of somebody else alone', async () => {
    chip.tool('tpm2_clear');
    chip.tool('tpm2_createprimary', '-C', 'o', '-G', 'rsa', '-c', 'rsa');
    chip.tool('tpm2_evictcontrol', '-C', 'o', '-c', 'rsa', '0x81000001');
    chip.tool('tpm2_flushcontext', '-t');
    const { masterKey } = await fixture.initialise([byTpm()]);
    const { handle } = parseEnrolment('file', readFileSync(fixture.path('tpm-enrollment'))).key;
    assert.deepEqual([await fixture.opens(), handle.toString(16)], [masterKey, '81000100']);
    chip.tool('tpm2_clear');
  });

  it('says that the TPM was cleared; then the recovery key opens, and the TPM is enrolled anew', async () => {
    const { masterKey, recoveryKey } = await fixture.initialise([byTpm()], 'any', true);
    chip.tool('tpm2_clear');
    await assert.rejects(fixture.opens(), failsWith('tpm-cleared', fixture.path('tpm-enrollment')));
    const unlocked = await fixture.keyring.unlock('home', [recovery(recoveryKey)]);
    assert.ok(unlocked.state === 'unlocked');
    await fixture.keyring.replace('home', 'tpm', [byTpm()], unlocked.masterKey);
    unlocked.masterKey.release();
    assert.equal(await fixture.opens(), masterKey);
  });

  it('refuses another TPM', async () => {
    await fixture.initialise([byTpm()]);
    const other = await SoftwareTpm.start();
    try {
      other.extend(7);
      fixture.tcti = other.tcti;
      await assert.rejects(fixture.opens(), failsWith('tpm-replaced', fixture.path('tpm-enrollment')));
    } finally {
      await other.remove();
    }
  });

  it('says that no TPM is there', async () => {
    await fixture.initialise([byTpm()]);
    fixture.tcti = 'device:/dev/no-such-tpm';
    await assert.rejects(fixture.opens(), failsWith('tpm-absent', '/dev/no-such-tpm'));
  });

  it('says that the boot state was capped, with exit 4', async () => {
    await fixture.initialise([byTpm()]);
    await fixture.tpm.converse((esys) => capBootState(esys, 7));
    await assert.rejects(fixture.opens(), (thrown) => failsWith('tpm-capped', 'home')(thrown) && exitOf(thrown) === 4);
  });

  it('is not enrolled to PCRs that nothing measures into, unless that is asked for', async () => {
    fixture.selection = pcrSelection('sha256', [8, 9]);
    await assert.rejects(fixture.initialise([byTpm()]), failsWith('tpm-pcrs-zero', '8, 9'));
    fixture.discard();
    fixture.allowZeroPcrs = true;
    const { masterKey } = await fixture.initialise([byTpm()]);
    assert.equal(await fixture.opens(), masterKey);
  });

  it('leaves nothing in the TPM after 100 unlocks', async () => {
    await fixture.initialise([byTpm()]);
    for (let count = 0; count < 100; count += 1) await fixture.opens();
    const loaded = ['handles-transient', 'handles-loaded-session'].map((kind) => chip.tool('tpm2_getcap', kind).toString());
    assert.deepEqual(loaded, ['', '']);
  });

  it('is not locked out by power cuts in the middle of an unlock', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    for (let cut = 0; cut < rounds(5, 50); cut += 1) {
      const unlocking = fixture.opens().catch(() => undefined);
      await sleep(cut % 25);
      await chip.powerOff();
      await unlocking;
      await chip.powerOn();
      chip.extend(7);
    }
    assert.equal(await fixture.opens(), masterKey);
    assert.match(chip.tool('tpm2_getcap', 'properties-variable').toString(), /inLockout: +0/);
  });

  it('combines with a password in the mode all', async () => {
    const { masterKey } = await fixture.initialise([password(), byTpm()], 'all');
    assert.equal(masterKeyOf(await fixture.keyring.unlock('home', [byTpm(), password()])), masterKey);
  });

  it('sends nothing to the TPM for a damaged file', async () => {
    await fixture.initialise([byTpm()]);
    const proxy = await TpmProxy.start(chip);
    fixture.tcti = proxy.tcti;
    const path = fixture.path('tpm-enrollment');
    const whole = readFileSync(path);
    for (const offset of [1, 60, whole.length - 1]) {
      const changed = Buffer.from(whole);
      changed.writeUInt8(changed.readUInt8(offset) ^ 1, offset);
      writeFileSync(path, changed);
      await assert.rejects(fixture.opens(), failsWith('file-damaged', path));
    }
    const { commands } = await proxy.apply();
    await proxy.close();
    assert.deepEqual(commands, []);
  });

  describe('with a PIN', () => {
    const tries = () => Number(/LOCKOUT_COUNTER: (\S+)/.exec(chip.tool('tpm2_getcap', 'properties-variable').toString())?.[1]);
    beforeEach(() => chip.tool('tpm2_dictionarylockout', '--clear-lockout'));

    it('opens with the right one', async () => {
      const { masterKey } = await fixture.initialise([byTpm('4711')]);
      assert.equal(await fixture.opens('4711'), masterKey);
    });

    it('counts a wrong one in the TPM and answers as for any wrong evidence, with exit 8', async () => {
      await fixture.initialise([byTpm('4711')]);
      await assert.rejects(fixture.opens('4712'), (thrown) => failsWith('authentication-failed')(thrown) && exitOf(thrown) === 8);
      assert.equal(tries(), 1);
    });

    it('says how long the TPM is locked out after too many, with exit 10', async () => {
      await fixture.initialise([byTpm('4711')]);
      for (let wrong = 0; wrong < 3; wrong += 1) {
        await assert.rejects(fixture.opens('4712'), failsWith('authentication-failed'));
        fixture.clock.advance(60_000);
      }
      await assert.rejects(
        fixture.opens('4711'),
        (thrown) => failsWith('tpm-locked-out', '1000 s')(thrown) && exitOf(thrown) === 10,
      );
    });

    it('asks for it when none is given, without an attempt', async () => {
      await fixture.initialise([byTpm('4711')]);
      await assert.rejects(fixture.opens(), failsWith('tpm-pin-missing', '--pin-stdin'));
      assert.equal(tries(), 0);
    });

    it('of 33 bytes is refused', async () => {
      await assert.rejects(fixture.initialise([byTpm('1'.repeat(33))]), failsWith('tpm-pin-unfit', '33'));
      fixture.discard();
    });
  });

  describe('with somebody between it and the TPM', () => {
    let proxy: TpmProxy;
    beforeEach(async () => {
      proxy = await TpmProxy.start(chip);
      fixture.tcti = proxy.tcti;
    });
    afterEach(() => proxy.close());

    it('never shows them the key, neither when it is sealed nor when it is unsealed', async () => {
      await fixture.initialise([byTpm()]);
      await fixture.opens();
      const key = fixture.unsealedByTools();
      const { traffic, commands } = await proxy.apply();
      assert.equal(key.length, 32);
      assert.deepEqual([commands.includes(code.create), commands.includes(code.unseal)], [true, true]);
      assert.equal(traffic.includes(key), false);
    });

    for (const [what, nameOf] of [
      ['a storage key that is theirs', () => undefined],
      ['a storage key that is theirs under the name of ours', () => enrolledName(fixture)],
    ] as const) {
      it(`notices ${what}`, async () => {
        await fixture.initialise([byTpm()]);
        chip.tool('tpm2_createprimary', '-C', 'n', '-G', 'ecc', '-c', 'theirs');
        proxy.answers.set(code.readPublic, readPublicAnswer(chip, nameOf()));
        const before = (await proxy.apply()).commands.length;
        await assert.rejects(fixture.opens(), (thrown) => thrown instanceof SesameError && thrown.exit === 10);
        const { commands } = await proxy.apply();
        assert.equal(commands.slice(before).includes(code.startAuthSession), false, 'no session was started with their key');
      });
    }
  });

  describe('with a slow TPM', () => {
    it('says so, and opens when the answer comes', async () => {
      const { masterKey } = await fixture.initialise([byTpm()]);
      const proxy = await TpmProxy.start(chip);
      proxy.delays.set(code.unseal, 1_000);
      await proxy.apply();
      fixture.tcti = proxy.tcti;
      assert.equal(await fixture.opens(), masterKey);
      await proxy.close();
      assert.deepEqual(
        fixture.tpmLog.lines.map(({ message }) => message),
        ['the TPM is slow'],
      );
    });
  });
});

describe('a TPM that does not answer', () => {
  for (const [what, hanging] of [
    ['at all', anyCommand],
    ['when it is to unseal', code.unseal],
  ] as const) {
    it(`${what} is given up after the time limit, and other factors work`, async () => {
      const chip = await SoftwareTpm.start();
      chip.extend(7);
      const fixture = new TpmFixture(chip, 700);
      const { masterKey } = await fixture.initialise([password(), byTpm()]);
      const proxy = await TpmProxy.start(chip);
      proxy.delays.set(hanging, 3_000);
      await proxy.apply();
      fixture.tcti = proxy.tcti;
      await assert.rejects(fixture.opens(), failsWith('tpm-slow'));
      assert.equal(masterKeyOf(await fixture.keyring.unlock('home', [password()])), masterKey);
      await proxy.close();
      fixture.remove();
      await chip.remove();
    });
  }
});

function exitOf(thrown: unknown): number | undefined {
  return thrown instanceof SesameError ? thrown.exit : undefined;
}

function enrolledName(fixture: TpmFixture): Buffer {
  return parseEnrolment('file', readFileSync(fixture.path('tpm-enrollment'))).key.name;
}

/** The answer to TPM2_ReadPublic about a key of the null hierarchy, whose private half somebody could know as well. */
function readPublicAnswer(chip: SoftwareTpm, otherName?: Buffer): Buffer {
  chip.tool('tpm2_readpublic', '-c', 'theirs', '-f', 'tss', '-o', 'theirs.public', '-n', 'theirs.name');
  chip.tool('tpm2_flushcontext', '-t');
  const publicArea = readFileSync(join(chip.directory, 'theirs.public'));
  const name = otherName ?? readFileSync(join(chip.directory, 'theirs.name'));
  const body = Buffer.concat([publicArea, sized(name), sized(name)]);
  return Buffer.concat([Buffer.from([0x80, 0x01]), u32(10 + body.length), u32(0), body]);
}
