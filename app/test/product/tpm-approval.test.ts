// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { rounds, seededRandom } from '../support/campaign.ts';
import { Device, password, type Result } from '../support/device.ts';
import { SoftwareTpm } from '../support/swtpm.ts';

const secret = 'a value behind the TPM';

/** The NV index of the only vault. */
const stateCounter = '0x1805e01';

/** A device whose version n extends PCR 7 n times, and whose vault opens by itself. */
function configuration(tcti: string, more = ''): string {
  return `[global.tpm]\ntcti = "${tcti}"\npcrs = [7, 12]\n${more}\n[profiles.device]\nunlock = "tpm"\n`;
}

let chip: SoftwareTpm;
let device: Device;
let recoveryKey: string;
before(async () => {
  chip = await SoftwareTpm.start();
});
after(() => chip.remove());
beforeEach(async () => {
  await chip.reboot();
  // No counters of earlier tests.
  chip.tool('tpm2_clear');
  chip.extend(7);
});
afterEach(() => device.dispose());

async function provision(more = ''): Promise<void> {
  device = await new Device(configuration(chip.tcti, more)).start();
  const init = ['init', '-p', 'device', '--factor', 'password,tpm', '--password-stdin', '--json'];
  recoveryKey = JSON.parse((await device.must(init, `${password}\n`)).toString()).recovery_key;
  await device.unlock();
  await device.must(['secret', 'set', '-p', 'device', 'name'], secret);
}

async function switchOff(): Promise<void> {
  await device.end('daemon-secrets');
  await device.end('daemon-profile');
}

async function bootsInto(version: number): Promise<void> {
  await switchOff();
  await chip.reboot();
  for (let count = 0; count < version; count += 1) chip.extend(7);
  await device.start();
}

const read = () => device.sesame(['secret', 'get', '-p', 'device', 'name']);

async function opensByItself(): Promise<void> {
  await device.eventually('the vault opens by itself', async () => (await read()).stdout.toString() === secret);
}

/** Predicted by the TPM itself: it is booted into the version, and its PCRs are read. */
async function pcrFileOf(version: number): Promise<string> {
  const other = await SoftwareTpm.start();
  try {
    for (let count = 0; count < version; count += 1) other.extend(7);
    const path = join(device.home, `version-${version}`);
    writeFileSync(path, other.tool('tpm2_pcrread', 'sha256:7,12'));
    return path;
  } finally {
    await other.remove();
  }
}

async function approve(version: number): Promise<Result> {
  return await device.sesame(['tpm', 'authorize', '-p', 'device', '--pcr-file', await pcrFileOf(version), '--json']);
}

describe('an update of a device with a TPM', () => {
  it('opens the vault by itself when it was approved, by values of tpm2_pcrread, and refuses the old system afterwards', async () => {
    await provision();
    const approved = await approve(2);
    assert.equal(approved.code, 0, approved.stderr);
    await bootsInto(2);
    await opensByItself();
    await bootsInto(1);
    assert.equal((await read()).code, 4);
    const refused = await device.sesame(['unlock', '-p', 'device', '--tpm']);
    assert.equal(refused.code, 9, refused.stderr);
    assert.match(refused.stderr, /PCR 7 /);
  });

  it('falls back to the old system while the new one has not opened the vault', async () => {
    await provision();
    await approve(2);
    await bootsInto(1);
    await opensByItself();
    await bootsInto(2);
    await opensByItself();
  });

  it('is not approved by a locked vault', async () => {
    await provision();
    await device.must(['lock', '-p', 'device']);
    assert.equal((await approve(2)).code, 4);
  });

  it('is not approved twice, and an approval that was never used makes room and is named', async () => {
    await provision();
    await approve(2);
    assert.equal(JSON.parse((await approve(2)).stdout.toString()).changed, false);
    const third = await approve(3);
    assert.match(
      third.stderr,
      /never booted, and replaced: PCR values of .*version-2; refused once a newer one has opened the vault/,
    );
  });

  it('is written into the audit chain with what was approved', async () => {
    await provision();
    await approve(2);
    assert.match(
      JSON.stringify(device.auditEntries()),
      /"key":"PCR values of [^"]*version-2","action":"tpm-authorize","outcome":"success"/,
    );
  });

  it('is refused for a malformed PCR file, by its name and before anything is approved', async () => {
    await provision();
    const path = join(device.home, 'pcrs');
    writeFileSync(path, 'sha256:\n  7: 0x1234\n');
    const { code, stderr } = await device.sesame(['tpm', 'authorize', '-p', 'device', '--pcr-file', path]);
    assert.equal(code, 2);
    assert.match(stderr, /pcrs is malformed: in line 2, a value of sha256 has 64 digits/);
  });

  it('cannot be predicted without an event log, which is said with what to do instead', async () => {
    await provision();
    const { code, stderr } = await device.sesame(['tpm', 'authorize', '-p', 'device', '--cmdline', 'quiet']);
    assert.equal(code, 2);
    assert.match(stderr, /there is no event log .*--pcr-file/);
  });

  it('shows what it would approve, in the form that it reads', async () => {
    await provision();
    const path = await pcrFileOf(2);
    const shown = await device.must(['tpm', 'authorize', '-p', 'device', '--pcr-file', path, '--dry-run']);
    const copy = join(device.home, 'copy');
    writeFileSync(copy, shown);
    await device.must(['tpm', 'authorize', '-p', 'device', '--pcr-file', copy]);
    await bootsInto(2);
    await opensByItself();
  });

  it('cannot be approved where the configuration wants PolicyPCR alone', async () => {
    await provision('policy = "pcr"');
    const { code, stderr } = await approve(2);
    assert.equal(code, 2);
    assert.match(stderr, /sealed to PCR values, which no approval changes/);
    await bootsInto(1);
    await opensByItself();
  });

  it('is approved in `all` mode too, where the TPM gives its piece for it', async () => {
    device = await new Device(configuration(chip.tcti)).start();
    const init = ['init', '-p', 'device', '--factor', 'password,tpm', '--password-stdin', '--no-recovery-key', '--policy', 'all'];
    await device.must(init, `${password}\n`);
    await device.must(['unlock', '-p', 'device', '--password-stdin', '--tpm'], `${password}\n`);
    const approved = await approve(2);
    assert.equal(approved.code, 0, approved.stderr);
    await bootsInto(2);
    await device.must(['unlock', '-p', 'device', '--password-stdin', '--tpm'], `${password}\n`);
  });

  it('cannot be approved in `all` mode with a PIN, which is said', async () => {
    device = await new Device(configuration(chip.tcti)).start();
    const init = ['init', '-p', 'device', '--factor', 'password,tpm', '--no-recovery-key', '--policy', 'all'];
    await device.must([...init, '--password-stdin', '--pin-stdin'], `${password}\n2468\n`);
    await device.must(['unlock', '-p', 'device', '--password-stdin', '--pin-stdin'], `${password}\n2468\n`);
    const { code, stderr } = await approve(2);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /needs all of its factors, .*it has a PIN, which is not kept; reseal after the update/);
  });

  it('cannot be approved in `all` mode once the boot state is capped, which is said', async () => {
    device = await new Device(configuration(chip.tcti)).start();
    const init = ['init', '-p', 'device', '--factor', 'password,tpm', '--password-stdin', '--no-recovery-key', '--policy', 'all'];
    await device.must(init, `${password}\n`);
    await device.must(['unlock', '-p', 'device', '--password-stdin', '--tpm'], `${password}\n`);
    writeFileSync(join(device.configurationDirectory, 'config.toml'), configuration(chip.tcti, 'cap_pcr = 12'));
    const isCapped = async () => (await device.sesame(['tpm', 'cap'])).code === 0;
    await device.eventually('the new configuration holds, and the boot state is capped', isCapped);
    const { code, stderr } = await approve(2);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /needs all of its factors, .*its boot state is capped/);
  });
});

const cuts = rounds(5, 50);

describe(`${cuts} power cuts while the TPM opens the vault`, () => {
  it('leave neither a lockout nor a vault that does not open', async () => {
    await provision();
    await switchOff();
    await chip.powerOff();
    const random = seededRandom();
    for (let cut = 0; cut < cuts; cut += 1) {
      await chip.powerOn();
      chip.extend(7);
      device.launch('daemon-profile');
      device.launch('daemon-secrets');
      await wait(300 + random.below(900));
      // TPM and daemons lose their power together.
      await Promise.all([chip.powerOff(), device.end('daemon-secrets', 'SIGKILL'), device.end('daemon-profile', 'SIGKILL')]);
    }
    await chip.powerOn();
    chip.extend(7);
    const properties = chip.tool('tpm2_getcap', 'properties-variable').toString();
    assert.match(properties, /TPM2_PT_LOCKOUT_COUNTER: 0x0\n/, `seed ${random.seed}`);
    assert.match(properties, /inLockout:\s+0\n/);
    await device.start();
    await opensByItself();
    assert.doesNotMatch(device.log('daemon-secrets'), /older copy/);
  });
});

describe('a state directory that was put back to an older copy', () => {
  const copy = () => join(device.home, 'copy-of-state');
  const byPassword = () => device.sesame(['unlock', '-p', 'device', '--password-stdin'], `${password}\n`);
  const byRecovery = () => device.sesame(['unlock', '-p', 'device', '--recovery-stdin'], `${recoveryKey}\n`);

  async function restart(): Promise<void> {
    await switchOff();
    await device.start();
  }

  /** A copy from before the factors were changed. */
  async function putBackOlderCopy(): Promise<void> {
    await switchOff();
    cpSync(device.stateDirectory, copy(), { recursive: true });
    await device.start();
    await opensByItself();
    await device.must(['factor', 'replace', 'recovery', '-p', 'device']);
    await device.must(['secret', 'set', '-p', 'device', 'name'], 'a newer value');
    await switchOff();
    rmSync(device.stateDirectory, { recursive: true });
    cpSync(copy(), device.stateDirectory, { recursive: true });
    await device.start();
  }

  /** As somebody does who hides the first entry: every link is right again, and nothing outside vouches for the old one. */
  function rewriteChain(): void {
    const path = join(device.stateDirectory, 'audit.jsonl');
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    let previous = '';
    const rewritten = lines.map((line, index) => {
      const entry = { ...JSON.parse(line), prev_hash: previous, ...(index === 0 && { timestamp_ms: 1 }) };
      const text = JSON.stringify(entry);
      previous = spawnSync('b3sum', ['--no-names'], { input: text, encoding: 'utf8' }).stdout.trim();
      return `${text}\n`;
    });
    writeFileSync(path, rewritten.join(''));
    for (const name of ['audit.head', 'audit.key']) rmSync(join(device.stateDirectory, name));
  }

  async function isRecorded(outcome: string): Promise<void> {
    const entry = new RegExp(`"action":"rollback-check"[^}]*"outcome":"${outcome}"`);
    await device.eventually('the finding is in the chain', () => entry.test(JSON.stringify(device.auditEntries())));
  }

  it('is reported in log and audit chain, and opens, with rollback = "warn"', async () => {
    await provision();
    await putBackOlderCopy();
    await opensByItself();
    await isRecorded('restored');
    assert.match(device.log('daemon-secrets'), /the vault of profile device is an older copy/);
    // From now on this copy is the one that counts.
    const reports = () => device.log('daemon-secrets').match(/is an older copy/g)?.length;
    const before = reports();
    await restart();
    await opensByItself();
    assert.equal(reports(), before);
  });

  it('does not open with rollback = "refuse" but by the recovery key, which leaves an entry', async () => {
    await provision('rollback = "refuse"');
    await putBackOlderCopy();
    const refused = await byPassword();
    assert.equal(refused.code, 11, refused.stderr);
    assert.match(refused.stderr, /older copy.*recovery key/);
    assert.equal((await read()).code, 4);
    const recovered = await byRecovery();
    assert.equal(recovered.code, 0, recovered.stderr);
    await isRecorded('restored');
    await restart();
    await opensByItself();
  });

  it('does not open with rollback = "refuse" because somebody removed the counter', async () => {
    await provision('rollback = "refuse"');
    await switchOff();
    chip.tool('tpm2_nvundefine', '-C', 'o', stateCounter);
    await device.start();
    const refused = await byPassword();
    assert.equal(refused.code, 11, refused.stderr);
    assert.match(refused.stderr, /removed or made anew/);
    assert.equal((await byRecovery()).code, 0);
    await isRecorded('counter-removed');
    await restart();
    await opensByItself();
  });

  it('does not open with rollback = "refuse" when it is from before the protection, without a counter as well', async () => {
    await provision('rollback = "off"');
    await switchOff();
    writeFileSync(join(device.configurationDirectory, 'config.toml'), configuration(chip.tcti, 'rollback = "refuse"'));
    await device.start();
    const refused = await byPassword();
    assert.equal(refused.code, 11, refused.stderr);
    assert.match(refused.stderr, /never compared with the TPM/);
    assert.equal((await byRecovery()).code, 0);
    await isRecorded('unmarked');
    await restart();
    await opensByItself();
  });

  it('opens with rollback = "refuse" where somebody else uses the TPM: its counter is not his to raise', async () => {
    await provision('rollback = "refuse"');
    await switchOff();
    assert.notEqual(chip.tools('tpm2_nvincrement', stateCounter).status, 0);
    await device.start();
    await opensByItself();
  });

  it('is noticed when it is the audit chain, written anew to the same length', async () => {
    await provision('rollback = "refuse"');
    await switchOff();
    rewriteChain();
    await device.start();
    const refused = await byPassword();
    assert.equal(refused.code, 11, refused.stderr);
    assert.match(refused.stderr, /entry \d+ of the audit chain is not the one that a vault remembers/);
    assert.equal((await byRecovery()).code, 0);
    await isRecorded('audit-rewritten');
    await restart();
    await opensByItself();
  });

  it('is nothing with rollback = "off"', async () => {
    await provision('rollback = "off"');
    await putBackOlderCopy();
    await opensByItself();
    assert.doesNotMatch(device.log('daemon-secrets'), /older copy/);
  });

  it('is not what a power cut leaves: killed at any moment, the daemon opens the vault again', async () => {
    await provision('rollback = "refuse"');
    for (let cut = 0; cut < 8; cut += 1) {
      await device.eventually('the vault is open', async () => (await read()).code === 0);
      // Each change counts, and is cut off somewhere.
      const change = device.sesame(['factor', 'replace', 'recovery', '-p', 'device']);
      await wait(40 * cut);
      await device.end('daemon-secrets', 'SIGKILL');
      await device.end('daemon-profile', 'SIGKILL');
      await change;
      device.launch('daemon-profile');
      device.launch('daemon-secrets');
    }
    await opensByItself();
    assert.doesNotMatch(device.log('daemon-secrets'), /older copy|removed or made anew/);
  });
});

describe('the counters of a vault that is gone', () => {
  /** Of the doctor's report, that about counters and all behind it. */
  const finding = async () => {
    const { stdout } = await device.sesame(['status', '--doctor']);
    return /warn +tpm\/counters [\s\S]*/.exec(stdout.toString())?.[0];
  };

  it('are named by the doctor, with the commands that remove them and nothing else', async () => {
    await provision();
    assert.equal(await finding(), undefined);
    await device.must(['lock', '-p', 'device']);
    await switchOff();
    rmSync(join(device.stateDirectory, 'vaults'), { recursive: true });
    await device.start();
    await device.must(
      ['init', '-p', 'device', '--factor', 'password,tpm', '--password-stdin', '--no-recovery-key'],
      `${password}\n`,
    );
    await device.unlock();
    await device.must(['secret', 'set', '-p', 'device', 'name'], secret);
    const named = (await finding()) ?? '';
    const removals = [...named.matchAll(/tpm2_nvundefine -C o (0x[0-9a-f]{8})/g)].map(([, index = '']) => index);
    assert.deepEqual(removals, ['0x01805e00'], named);
    for (const index of removals) chip.tool('tpm2_nvundefine', '-C', 'o', index);
    assert.equal(await finding(), undefined);
    await bootsInto(1);
    await opensByItself();
    assert.equal((await approve(2)).code, 0);
  });
});
