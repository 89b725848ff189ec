// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { readTpmEnrolment } from '../../src/factors/tpm-enrolments.ts';
import { Device, password } from '../support/device.ts';
import { scanMemory } from '../support/memory-scan.ts';
import { openSshMissing, RealAgent } from '../support/ssh-agent.ts';
import { SoftwareTpm } from '../support/swtpm.ts';
import { anyCommand, TpmProxy } from '../support/tpm-proxy.ts';

const secret = 'a value behind the TPM';

function configuration(tcti: string, more = ''): string {
  return `
[global.tpm]
tcti = "${tcti}"
pcrs = [7, 12]
${more}
[profiles.device]
unlock = "tpm"
`;
}

describe('a device with a TPM', () => {
  let chip: SoftwareTpm;
  let device: Device;
  before(async () => {
    chip = await SoftwareTpm.start();
  });
  after(() => chip.remove());
  beforeEach(async () => {
    await chip.reboot();
    chip.extend(7);
  });
  afterEach(() => device.dispose());

  /** A profile that a password and the TPM open. */
  async function provision(tcti = chip.tcti, more = ''): Promise<void> {
    device = await new Device(configuration(tcti, more)).start();
    await device.must(
      ['init', '-p', 'device', '--factor', 'password,tpm', '--password-stdin', '--no-recovery-key'],
      `${password}\n`,
    );
    await device.unlock();
    await device.must(['secret', 'set', '-p', 'device', 'name'], secret);
  }

  const read = () => device.sesame(['secret', 'get', '-p', 'device', 'name']);

  async function restart(): Promise<void> {
    await device.end('daemon-secrets');
    device.launch('daemon-secrets');
    await device.answers();
  }

  it('opens its vault by itself after a reboot, and says so in the audit chain', async () => {
    await provision();
    await device.end('daemon-secrets');
    await device.end('daemon-profile');
    await chip.reboot();
    chip.extend(7);
    await device.start();
    await device.eventually('the vault opens', async () => (await read()).code === 0);
    assert.equal((await read()).stdout.toString(), secret);
    const entries = JSON.stringify(device.auditEntries());
    assert.match(
      entries,
      /"key":"tpm","action":"unlock","outcome":"success","profile":"device",[^}]*"requester_name":"daemon-secrets"/,
    );
  });

  it('stays locked after another boot, by exit 9 and the name of the PCR; the password opens, and reseal mends it', async () => {
    await provision();
    await device.must(['lock', '-p', 'device']);
    chip.extend(12);
    await restart();
    assert.equal((await read()).code, 4);
    const refused = await device.sesame(['unlock', '-p', 'device', '--tpm']);
    assert.deepEqual([refused.code, /\(bank sha256\) in PCR 12 /.test(refused.stderr)], [9, true], refused.stderr);
    assert.equal((await device.sesame(['tpm', 'pcrs', '-p', 'device'])).code, 9);
    await device.unlock();
    await device.must(['tpm', 'reseal', '-p', 'device']);
    await device.must(['lock', '-p', 'device']);
    await device.must(['unlock', '-p', 'device', '--tpm']);
    assert.equal((await read()).stdout.toString(), secret);
  });

  it('is opened by a forwarded ssh agent after another boot, where nobody can be asked', { skip: openSshMissing }, async () => {
    await provision();
    const agent = await RealAgent.start();
    try {
      agent.add('key', 'ed25519');
      const withAgent = (args: string[]) => device.sesame(args, '', { SSH_AUTH_SOCK: agent.socket });
      assert.equal((await withAgent(['ssh', 'enroll', '-p', 'device'])).code, 0);
      await device.must(['lock']);
      chip.extend(7);
      const alone = await device.sesame(['unlock', '-p', 'device']);
      assert.equal(alone.code, 9, alone.stderr);
      const unlocked = await withAgent(['unlock', '-p', 'device']);
      assert.equal(unlocked.code, 0, unlocked.stderr);
      assert.match(unlocked.stderr, /PCR 7/i);
    } finally {
      await agent.stop();
    }
  });

  it('asks for the PIN on standard input, and takes no other', async () => {
    await provision();
    await device.must(['tpm', 'enroll', '-p', 'device', '--pin-stdin'], '4711\n');
    await device.must(['lock', '-p', 'device']);
    const wrong = await device.sesame(['unlock', '-p', 'device', '--pin-stdin'], '4712\n');
    const none = await device.sesame(['unlock', '-p', 'device', '--tpm']);
    assert.deepEqual([wrong.code, none.code], [8, 2], `${wrong.stderr}${none.stderr}`);
    await device.must(['unlock', '-p', 'device', '--pin-stdin'], '4711\n');
    chip.tool('tpm2_dictionarylockout', '--clear-lockout');
  });

  it('does not lose its PIN when it is sealed again without one', async () => {
    await provision();
    await device.must(['tpm', 'enroll', '-p', 'device', '--pin-stdin'], '4711\n');
    const { code, stderr } = await device.sesame(['tpm', 'reseal', '-p', 'device']);
    assert.deepEqual([code, /--pin-stdin/.test(stderr)], [2, true], stderr);
  });

  it('is locked after a restart once its boot state is capped, until the next boot', async () => {
    await provision(chip.tcti, 'cap_pcr = 12');
    await device.must(['tpm', 'cap']);
    await restart();
    const refused = await device.sesame(['unlock', '-p', 'device', '--tpm']);
    assert.deepEqual([refused.code, /was capped/.test(refused.stderr)], [4, true], refused.stderr);
    await device.unlock();
    await device.must(['tpm', 'reseal', '-p', 'device']);
    await chip.reboot();
    chip.extend(7);
    await restart();
    const capped = async () => /capped until the next boot/.test((await device.must(['tpm', 'status'])).toString());
    await device.eventually('the daemon caps the boot state itself', capped);
    assert.equal((await read()).stdout.toString(), secret, 'the vault was opened before');
    await restart();
    assert.equal((await read()).code, 4);
  });

  it('caps the boot state also when somebody made its profile inactive, and the vault stays locked', async () => {
    await provision(chip.tcti, 'cap_pcr = 12');
    await device.must(['profile', 'deactivate', 'device']);
    await chip.reboot();
    chip.extend(7);
    await restart();
    const capped = async () => /capped until the next boot/.test((await device.must(['tpm', 'status'])).toString());
    await device.eventually('the daemon caps the boot state', capped);
    assert.equal((await read()).code, 4);
  });

  it('still opens by its TPM after the vault got a new master key', async () => {
    await provision();
    await device.must(['rekey', '-p', 'device', '--password-stdin'], `${password}\n`);
    await device.must(['lock', '-p', 'device']);
    await device.must(['unlock', '-p', 'device', '--tpm']);
    assert.equal((await read()).stdout.toString(), secret);
  });

  it('opens with the recovery key after its TPM was cleared, and enrols it anew with nothing else', async () => {
    device = await new Device(configuration(chip.tcti)).start();
    const made = await device.must(['init', '-p', 'device', '--factor', 'tpm', '--json']);
    const { recovery_key: recoveryKey } = JSON.parse(made.toString());
    chip.tool('tpm2_clear');
    const refused = await device.sesame(['unlock', '-p', 'device', '--tpm']);
    assert.deepEqual([refused.code, /was cleared/.test(refused.stderr)], [10, true], refused.stderr);
    await device.must(['unlock', '-p', 'device', '--recovery-stdin'], `${recoveryKey}\n`);
    await device.must(['tpm', 'enroll', '-p', 'device']);
    await device.must(['lock', '-p', 'device']);
    await device.must(['unlock', '-p', 'device', '--tpm']);
  });

  it('answers for its TPM in status and doctor', async () => {
    await provision();
    chip.tool('tpm2_dictionarylockout', '--clear-lockout');
    const status = await device.must(['tpm', 'status']);
    assert.match(status.toString(), /wrong PINs: 0 of 3.*\n[\s\S]*device .*sha256 .*7 12 .*as sealed/);
    const doctor = await device.sesame(['status', '--doctor']);
    assert.match(doctor.stdout.toString(), /pass +tpm /);
    assert.match(doctor.stdout.toString(), /pass +tpm\/device +sealed to PCR 7, 12 \(sha256\)/);
  });

  it('knows its own installation.toml, and says when it is that of another machine', async () => {
    await provision();
    await device.must(['lock', '-p', 'device']);
    await device.must(['unlock', '-p', 'device', '--tpm']);
    const own = JSON.parse((await device.must(['status', '--json'])).toString());
    await device.end('daemon-secrets');
    await device.end('daemon-profile');
    const path = `${device.stateDirectory}/installation.toml`;
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace(/binding_hash = "[0-9a-f]{8}/, 'binding_hash = "00000000'));
    await device.start();
    await device.eventually('the vault opens', async () => (await read()).code === 0);
    const moved = JSON.parse((await device.must(['status', '--json'])).toString());
    assert.deepEqual(
      [own.machine_binding, moved.machine_binding],
      [
        { type: 'tpm-bound', state: 'matches' },
        { type: 'tpm-bound', state: 'differs' },
      ],
    );
  });

  it('serves others while the TPM is slow', async () => {
    const proxy = await TpmProxy.start(chip);
    await provision(proxy.tcti);
    await device.must(['init', '-p', 'other', '--factor', 'password', '--password-stdin', '--no-recovery-key'], `${password}\n`);
    await device.must(['lock', '-p', 'device']);
    proxy.delays.set(anyCommand, 1_000);
    await proxy.apply();
    let opened = false;
    const unlocking = device.must(['unlock', '-p', 'device', '--tpm']).then(() => {
      opened = true;
    });
    await device.unlock('other');
    assert.equal(opened, false, 'the other profile opened first');
    await unlocking;
    await proxy.close();
  });

  it('leaves nothing of the key in the memory of the daemon', {
    skip: process.getuid?.() !== 0 && 'reading memory needs root',
  }, async () => {
    await provision(chip.tcti, 'policy = "pcr"\n');
    const { sealed } = readTpmEnrolment(`${device.stateDirectory}/vaults`, 'device');
    const key = chip.unsealWithTools(sealed, 'pcr:sha256:7,12');
    assert.equal(key.length, 32);
    for (let count = 0; count < 5; count += 1) {
      await device.must(['lock', '-p', 'device']);
      await device.must(['unlock', '-p', 'device', '--tpm']);
    }
    const pin = randomBytes(12).toString('hex');
    await device.must(['tpm', 'enroll', '-p', 'device', '--pin-stdin'], `${pin}\n`);
    await device.must(['lock', '-p', 'device']);
    await device.must(['unlock', '-p', 'device', '--pin-stdin'], `${pin}\n`);
    const needles = [key, key.subarray(0, 16), key.subarray(16), Buffer.from(pin)];
    const scan = scanMemory(device.pid('daemon-secrets'), needles);
    assert.ok(scan.bytesRead > 10_000_000);
    assert.deepEqual(scan.findings, []);
  });
});
