// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RealAgent } from '../../app/test/support/ssh-agent.ts';
import { buildDevice } from '../build/device.ts';
import { openrcTools } from '../build/openrc-tools.ts';
import { Device, password } from '../harness/device.ts';
import { type Remote, SecureShell } from '../harness/secure-shell.ts';

/** Exit codes of commands. */
const [opened, usage, locked, notFound] = [0, 2, 4, 6];

type Factor = 'password' | 'ssh-agent' | 'tpm';

/** What each factor alone, and both together, ends with. */
interface Row {
  readonly factors: readonly [Factor, Factor];
  readonly policy: 'any' | 'all' | Factor;
  readonly ends: readonly [first: number, second: number, both: number];
}

/** Beside a password the TPM is used without being asked for, so its rows with a password have no password alone. */
const table: readonly Row[] = [
  { factors: ['password', 'ssh-agent'], policy: 'any', ends: [opened, opened, opened] },
  { factors: ['password', 'ssh-agent'], policy: 'all', ends: [locked, locked, opened] },
  { factors: ['password', 'ssh-agent'], policy: 'password', ends: [opened, locked, opened] },
  { factors: ['password', 'ssh-agent'], policy: 'ssh-agent', ends: [locked, opened, opened] },

  { factors: ['password', 'tpm'], policy: 'any', ends: [opened, opened, opened] },
  { factors: ['password', 'tpm'], policy: 'all', ends: [opened, locked, opened] },
  { factors: ['password', 'tpm'], policy: 'password', ends: [opened, locked, opened] },
  { factors: ['password', 'tpm'], policy: 'tpm', ends: [opened, opened, opened] },

  { factors: ['ssh-agent', 'tpm'], policy: 'any', ends: [opened, opened, opened] },
  { factors: ['ssh-agent', 'tpm'], policy: 'all', ends: [locked, locked, opened] },
  { factors: ['ssh-agent', 'tpm'], policy: 'ssh-agent', ends: [opened, locked, opened] },
  { factors: ['ssh-agent', 'tpm'], policy: 'tpm', ends: [locked, opened, opened] },
];

const nameOf = ({ factors, policy }: Row): string => [...factors, policy].join('_');
const isFactor = (policy: Row['policy']): policy is Factor => policy !== 'any' && policy !== 'all';

/** The TPM of a device without measuring firmware is bound to no boot state; here that is not what is asked. */
const configuration = `
[global.tpm]
allow_zero_pcrs = true
${table
  .filter(({ policy }) => isFactor(policy))
  .map((row) => `[profiles.${nameOf(row)}.auth]\nmode = "policy"\nrequired = ["${row.policy}"]\n`)
  .join('')}`;

/** An agent is used without being asked for, too, where one is there. */
const unlocks: Readonly<Record<Factor, string>> = {
  password: 'SSH_AUTH_SOCK= sesame unlock --password-stdin',
  'ssh-agent': 'sesame unlock --ssh-agent',
  tpm: 'sesame unlock --tpm',
};
const passwordFile = '/run/password';

/** A vault with two factors; prints the exit code of each try. What is brought one after the other counts together. */
function tries(row: Row): string {
  const { factors, policy } = row;
  const profile = nameOf(row);
  const [first, second] = factors;
  const unlock = (factor: Factor) => `${unlocks[factor]} -p ${profile} < ${passwordFile}`;
  const lock = `sesame lock -p ${profile}`;
  const mode = isFactor(policy) ? '' : `--policy ${policy}`;
  const proof = factors.includes('password') ? '--password-stdin' : '';
  return `
    sesame init -p ${profile} --factor ${first},${second} ${mode} ${proof} --no-recovery-key < ${passwordFile} || exit
    ${lock}
    ${unlock(first)}; echo $?; ${lock}
    ${unlock(second)}; echo $?; ${lock}
    ${unlock(first)}; ${unlock(second)}; sesame secret list -p ${profile}; echo $?`;
}

describe('an operator who comes to a device with a forwarded ssh agent', () => {
  let device: Device;
  let agent: RealAgent;
  let shell: SecureShell;
  let key: string;
  /** What was started, ends in the other order, also when what came after it failed. */
  const started: (() => unknown)[] = [];

  before(async () => {
    agent = await RealAgent.start();
    started.push(() => agent.stop());
    key = agent.add('key', 'ed25519');
    const image = await buildDevice((text) => process.stderr.write(`${text}\n`), openrcTools);
    device = await Device.create('ssh agent', image);
    started.push(() => device.dispose());
    await device.boot();
    shell = await SecureShell.open(device, agent);
    started.push(() => shell.close());
    await device.configure(configuration);
    await device.must(`umask 077; cat > ${passwordFile}`, `${password}\n`);
    await device.initialise();
    await device.must('sesame secret set -p device name', 'value');
  });
  after(async () => {
    for (const end of started.reverse()) await end();
  });

  async function ends(code: number, work: Promise<Remote>, ...mentions: readonly string[]): Promise<Remote> {
    const result = await work;
    assert.equal(result.code, code, `${result.stderr}\n${await shell.log()}`);
    for (const mention of mentions) assert.ok(result.stderr.includes(mention), `${mention} in: ${result.stderr}`);
    return result;
  }

  it('opens the vault with a key that never leaves it, and not where it is not forwarded', async () => {
    await ends(0, shell.run('-A', 'sesame ssh enroll -p device'), agent.fingerprint(key));
    await device.must('sesame lock -p device');
    await ends(usage, shell.run('-a', 'sesame unlock -p device'));
    const { stdout } = await ends(0, shell.run('-A', 'sesame unlock -p device && sesame secret get -p device name'));
    assert.equal(stdout, 'value');
  });

  it('is refused where the agent is locked, and with a key that signs differently each time, by name', async () => {
    await device.must('sesame lock -p device');
    agent.lock('-x');
    try {
      await ends(notFound, shell.run('-A', 'sesame unlock -p device'), agent.fingerprint(key), 'locked');
    } finally {
      agent.lock('-X');
    }
    await device.unlock();
    await device.must('sesame factor remove ssh-agent -p device');
    agent.run('ssh-add', '-q', '-d', key);
    agent.add('ecdsa', 'ecdsa');
    await ends(usage, shell.run('-A', 'sesame ssh enroll -p device'), 'ecdsa-sha2-nistp256', 'ECDSA');
    agent.run('ssh-add', '-q', '-D');
    agent.run('ssh-add', '-q', key);
  });

  for (const row of table) {
    const [first, second] = row.factors;
    it(`opens a vault of ${first} and ${second} under "${row.policy}" as the policy says: each alone, and both`, async () => {
      const { stdout, stderr } = await ends(0, shell.run('-A', tries(row)));
      const codes = stdout
        .trim()
        .split('\n')
        .filter((line) => /^\d+$/.test(line));
      assert.equal(codes.join(), row.ends.join(), stderr);
    });
  }
});
