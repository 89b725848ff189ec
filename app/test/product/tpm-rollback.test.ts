// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { password } from '../support/device.ts';
import { MeasuredDevice, sealedSecret } from '../support/measured-device.ts';
import { SoftwareTpm } from '../support/swtpm.ts';

/** The NV index of the only vault. */
const stateCounter = '0x1805e01';

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

describe('a state directory that was put back to an older copy', () => {
  const copy = () => join(measured.device.home, 'copy-of-state');
  const byPassword = () => measured.device.sesame(['unlock', '-p', 'device', '--password-stdin'], `${password}\n`);
  const byRecovery = () => measured.device.sesame(['unlock', '-p', 'device', '--recovery-stdin'], `${measured.recoveryKey}\n`);

  async function restart(): Promise<void> {
    await measured.switchOff();
    await measured.device.start();
  }

  /** A copy from before the factors were changed. */
  async function putBackOlderCopy(): Promise<void> {
    await measured.switchOff();
    cpSync(measured.device.stateDirectory, copy(), { recursive: true });
    await measured.device.start();
    await measured.opensByItself();
    await measured.device.must(['factor', 'replace', 'recovery', '-p', 'device']);
    await measured.device.must(['secret', 'set', '-p', 'device', 'name'], 'a newer value');
    await measured.switchOff();
    rmSync(measured.device.stateDirectory, { recursive: true });
    cpSync(copy(), measured.device.stateDirectory, { recursive: true });
    await measured.device.start();
  }

  /** As somebody does who hides the first entry: every link is right again, and nothing outside vouches for the old one. */
  function rewriteChain(): void {
    const path = join(measured.device.stateDirectory, 'audit.jsonl');
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    let previous = '';
    const rewritten = lines.map((line, index) => {
      const entry = { ...JSON.parse(line), prev_hash: previous, ...(index === 0 && { timestamp_ms: 1 }) };
      const text = JSON.stringify(entry);
      previous = spawnSync('b3sum', ['--no-names'], { input: text, encoding: 'utf8' }).stdout.trim();
      return `${text}\n`;
    });
    writeFileSync(path, rewritten.join(''));
    for (const name of ['audit.head', 'audit.key']) rmSync(join(measured.device.stateDirectory, name));
  }

  async function isRecorded(outcome: string): Promise<void> {
    const entry = new RegExp(`"action":"rollback-check"[^}]*"outcome":"${outcome}"`);
    await measured.device.eventually('the finding is in the chain', () =>
      entry.test(JSON.stringify(measured.device.auditEntries())),
    );
  }

  it('is reported in log and audit chain, and opens, with rollback = "warn"', async () => {
    await measured.provision();
    await putBackOlderCopy();
    await measured.opensByItself();
    await isRecorded('restored');
    assert.match(measured.device.log('daemon-secrets'), /the vault of profile device is an older copy/);
    // From now on this copy is the one that counts.
    const reports = () => measured.device.log('daemon-secrets').match(/is an older copy/g)?.length;
    const before = reports();
    await restart();
    await measured.opensByItself();
    assert.equal(reports(), before);
  });

  it('does not open with rollback = "refuse" but by the recovery key, which leaves an entry', async () => {
    await measured.provision('rollback = "refuse"');
    await putBackOlderCopy();
    const refused = await byPassword();
    assert.equal(refused.code, 11, refused.stderr);
    assert.match(refused.stderr, /older copy.*recovery key/);
    assert.equal((await measured.read()).code, 4);
    const recovered = await byRecovery();
    assert.equal(recovered.code, 0, recovered.stderr);
    await isRecorded('restored');
    await restart();
    await measured.opensByItself();
  });

  it('does not open with rollback = "refuse" because somebody removed the counter', async () => {
    await measured.provision('rollback = "refuse"');
    await measured.switchOff();
    chip.tool('tpm2_nvundefine', '-C', 'o', stateCounter);
    await measured.device.start();
    const refused = await byPassword();
    assert.equal(refused.code, 11, refused.stderr);
    assert.match(refused.stderr, /removed or made anew/);
    assert.equal((await byRecovery()).code, 0);
    await isRecorded('counter-removed');
    await restart();
    await measured.opensByItself();
  });

  it('does not open with rollback = "refuse" when it is from before the protection, without a counter as well', async () => {
    await measured.provision('rollback = "off"');
    await measured.switchOff();
    writeFileSync(join(measured.device.configurationDirectory, 'config.toml'), measured.configuration('rollback = "refuse"'));
    await measured.device.start();
    const refused = await byPassword();
    assert.equal(refused.code, 11, refused.stderr);
    assert.match(refused.stderr, /never compared with the TPM/);
    assert.equal((await byRecovery()).code, 0);
    await isRecorded('unmarked');
    await restart();
    await measured.opensByItself();
  });

  it('opens with rollback = "refuse" where somebody else uses the TPM: its counter is not his to raise', async () => {
    await measured.provision('rollback = "refuse"');
    await measured.switchOff();
    assert.notEqual(chip.tools('tpm2_nvincrement', stateCounter).status, 0);
    await measured.device.start();
    await measured.opensByItself();
  });

  it('is noticed when it is the audit chain, written anew to the same length', async () => {
    await measured.provision('rollback = "refuse"');
    await measured.switchOff();
    rewriteChain();
    await measured.device.start();
    const refused = await byPassword();
    assert.equal(refused.code, 11, refused.stderr);
    assert.match(refused.stderr, /entry \d+ of the audit chain is not the one that a vault remembers/);
    assert.equal((await byRecovery()).code, 0);
    await isRecorded('audit-rewritten');
    await restart();
    await measured.opensByItself();
  });

  it('is nothing with rollback = "off"', async () => {
    await measured.provision('rollback = "off"');
    await putBackOlderCopy();
    await measured.opensByItself();
    assert.doesNotMatch(measured.device.log('daemon-secrets'), /older copy/);
  });

  it('is not what a power cut leaves: killed at any moment, the daemon opens the vault again', async () => {
    await measured.provision('rollback = "refuse"');
    for (let cut = 0; cut < 8; cut += 1) {
      await measured.device.eventually('the vault is open', async () => (await measured.read()).code === 0);
      // Each change counts, and is cut off somewhere.
      const change = measured.device.sesame(['factor', 'replace', 'recovery', '-p', 'device']);
      await wait(40 * cut);
      await measured.device.end('daemon-secrets', 'SIGKILL');
      await measured.device.end('daemon-profile', 'SIGKILL');
      await change;
      measured.device.launch('daemon-profile');
      measured.device.launch('daemon-secrets');
    }
    await measured.opensByItself();
    assert.doesNotMatch(measured.device.log('daemon-secrets'), /older copy|removed or made anew/);
  });
});

describe('the counters of a vault that is gone', () => {
  /** Of the doctor's report, that about counters and all behind it. */
  const finding = async () => {
    const { stdout } = await measured.device.sesame(['status', '--doctor']);
    return /warn +tpm\/counters [\s\S]*/.exec(stdout.toString())?.[0];
  };

  it('are named by the doctor, with the commands that remove them and nothing else', async () => {
    await measured.provision();
    assert.equal(await finding(), undefined);
    await measured.device.must(['lock', '-p', 'device']);
    await measured.switchOff();
    rmSync(join(measured.device.stateDirectory, 'vaults'), { recursive: true });
    await measured.device.start();
    await measured.device.must(
      ['init', '-p', 'device', '--factor', 'password,tpm', '--password-stdin', '--no-recovery-key'],
      `${password}\n`,
    );
    await measured.device.unlock();
    await measured.device.must(['secret', 'set', '-p', 'device', 'name'], sealedSecret);
    const named = (await finding()) ?? '';
    const removals = [...named.matchAll(/tpm2_nvundefine -C o (0x[0-9a-f]{8})/g)].map(([, index = '']) => index);
    assert.deepEqual(removals, ['0x01805e00'], named);
    for (const index of removals) chip.tool('tpm2_nvundefine', '-C', 'o', index);
    assert.equal(await finding(), undefined);
    await measured.bootsInto(1);
    await measured.opensByItself();
    assert.equal((await measured.approve(2)).code, 0);
  });
});
