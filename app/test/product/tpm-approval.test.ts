// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { rounds, seededRandom } from '../support/campaign.ts';
import { password } from '../support/device.ts';
import { MeasuredDevice } from '../support/measured-device.ts';
import { SoftwareTpm } from '../support/swtpm.ts';

let chip: SoftwareTpm;
let measured: MeasuredDevice;
before(async () => {
  chip = await SoftwareTpm.start();
});
after(() => chip.remove());
beforeEach(async () => {
  measured = await MeasuredDevice.of(chip);
});
afterEach(() => measured.device.dispose());

describe('an update of a device with a TPM', () => {
  it('opens the vault by itself when it was approved, by values of tpm2_pcrread, and refuses the old system afterwards', async () => {
    await measured.provision();
    const approved = await measured.approve(2);
    assert.equal(approved.code, 0, approved.stderr);
    await measured.bootsInto(2);
    await measured.opensByItself();
    await measured.bootsInto(1);
    assert.equal((await measured.read()).code, 4);
    const refused = await measured.device.sesame(['unlock', '-p', 'device', '--tpm']);
    assert.equal(refused.code, 9, refused.stderr);
    assert.match(refused.stderr, /PCR 7 /);
  });

  it('falls back to the old system while the new one has not opened the vault', async () => {
    await measured.provision();
    await measured.approve(2);
    await measured.bootsInto(1);
    await measured.opensByItself();
    await measured.bootsInto(2);
    await measured.opensByItself();
  });

  it('is not approved by a locked vault', async () => {
    await measured.provision();
    await measured.device.must(['lock', '-p', 'device']);
    assert.equal((await measured.approve(2)).code, 4);
  });

  it('is not approved twice, and an approval that was never used makes room and is named', async () => {
    await measured.provision();
    await measured.approve(2);
    assert.equal(JSON.parse((await measured.approve(2)).stdout.toString()).changed, false);
    const third = await measured.approve(3);
    assert.match(
      third.stderr,
      /never booted, and replaced: PCR values of .*version-2; refused once a newer one has opened the vault/,
    );
  });

  it('is written into the audit chain with what was approved', async () => {
    await measured.provision();
    await measured.approve(2);
    assert.match(
      JSON.stringify(measured.device.auditEntries()),
      /"key":"PCR values of [^"]*version-2","action":"tpm-authorize","outcome":"success"/,
    );
  });

  it('is refused for a malformed PCR file, by its name and before anything is approved', async () => {
    await measured.provision();
    const path = join(measured.device.home, 'pcrs');
    writeFileSync(path, 'sha256:\n  7: 0x1234\n');
    const { code, stderr } = await measured.device.sesame(['tpm', 'authorize', '-p', 'device', '--pcr-file', path]);
    assert.equal(code, 2);
    assert.match(stderr, /pcrs is malformed: in line 2, a value of sha256 has 64 digits/);
  });

  it('cannot be predicted without an event log, which is said with what to do instead', async () => {
    await measured.provision();
    const { code, stderr } = await measured.device.sesame(['tpm', 'authorize', '-p', 'device', '--cmdline', 'quiet']);
    assert.equal(code, 2);
    assert.match(stderr, /there is no event log .*--pcr-file/);
  });

  it('shows what it would approve, in the form that it reads', async () => {
    await measured.provision();
    const path = await measured.pcrFileOf(2);
    const shown = await measured.device.must(['tpm', 'authorize', '-p', 'device', '--pcr-file', path, '--dry-run']);
    const copy = join(measured.device.home, 'copy');
    writeFileSync(copy, shown);
    await measured.device.must(['tpm', 'authorize', '-p', 'device', '--pcr-file', copy]);
    await measured.bootsInto(2);
    await measured.opensByItself();
  });

  it('cannot be approved where the configuration wants PolicyPCR alone', async () => {
    await measured.provision('policy = "pcr"');
    const { code, stderr } = await measured.approve(2);
    assert.equal(code, 2);
    assert.match(stderr, /sealed to PCR values, which no approval changes/);
    await measured.bootsInto(1);
    await measured.opensByItself();
  });

  it('is approved in `all` mode too, where the TPM gives its piece for it', async () => {
    await measured.device.start();
    const init = ['init', '-p', 'device', '--factor', 'password,tpm', '--password-stdin', '--no-recovery-key', '--policy', 'all'];
    await measured.device.must(init, `${password}\n`);
    await measured.device.must(['unlock', '-p', 'device', '--password-stdin', '--tpm'], `${password}\n`);
    const approved = await measured.approve(2);
    assert.equal(approved.code, 0, approved.stderr);
    await measured.bootsInto(2);
    await measured.device.must(['unlock', '-p', 'device', '--password-stdin', '--tpm'], `${password}\n`);
  });

  it('cannot be approved in `all` mode with a PIN, which is said', async () => {
    await measured.device.start();
    const init = ['init', '-p', 'device', '--factor', 'password,tpm', '--no-recovery-key', '--policy', 'all'];
    await measured.device.must([...init, '--password-stdin', '--pin-stdin'], `${password}\n2468\n`);
    await measured.device.must(['unlock', '-p', 'device', '--password-stdin', '--pin-stdin'], `${password}\n2468\n`);
    const { code, stderr } = await measured.approve(2);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /needs all of its factors, .*it has a PIN, which is not kept; reseal after the update/);
  });

  it('cannot be approved in `all` mode once the boot state is capped, which is said', async () => {
    await measured.device.start();
    const init = ['init', '-p', 'device', '--factor', 'password,tpm', '--password-stdin', '--no-recovery-key', '--policy', 'all'];
    await measured.device.must(init, `${password}\n`);
    await measured.device.must(['unlock', '-p', 'device', '--password-stdin', '--tpm'], `${password}\n`);
    writeFileSync(join(measured.device.configurationDirectory, 'config.toml'), measured.configuration('cap_pcr = 12'));
    const isCapped = async () => (await measured.device.sesame(['tpm', 'cap'])).code === 0;
    await measured.device.eventually('the new configuration holds, and the boot state is capped', isCapped);
    const { code, stderr } = await measured.approve(2);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /needs all of its factors, .*its boot state is capped/);
  });
});

const cuts = rounds(5, 50);

describe(`${cuts} power cuts while the TPM opens the vault`, () => {
  it('leave neither a lockout nor a vault that does not open', async () => {
    await measured.provision();
    await measured.switchOff();
    await chip.powerOff();
    const random = seededRandom();
    for (let cut = 0; cut < cuts; cut += 1) {
      await chip.powerOn();
      chip.extend(7);
      measured.device.launch('daemon-profile');
      measured.device.launch('daemon-secrets');
      await wait(300 + random.below(900));
      // TPM and daemons lose their power together.
      await Promise.all([
        chip.powerOff(),
        measured.device.end('daemon-secrets', 'SIGKILL'),
        measured.device.end('daemon-profile', 'SIGKILL'),
      ]);
    }
    await chip.powerOn();
    chip.extend(7);
    const properties = chip.tool('tpm2_getcap', 'properties-variable').toString();
    assert.match(properties, /TPM2_PT_LOCKOUT_COUNTER: 0x0\n/, `seed ${random.seed}`);
    assert.match(properties, /inLockout:\s+0\n/);
    await measured.device.start();
    await measured.opensByItself();
    assert.doesNotMatch(measured.device.log('daemon-secrets'), /older copy/);
  });
});
