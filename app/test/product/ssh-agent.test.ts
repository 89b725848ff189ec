// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { onTerminal, type Typing } from '../cli/pty.ts';
import { type Device, password, type Result, startDevice } from '../support/device.ts';
import { LyingAgents } from '../support/lying-agent.ts';
import { openSshMissing, RealAgent } from '../support/ssh-agent.ts';

const sesame = join(import.meta.dirname, '../../../dist/bin/sesame');
const typed = `${password}\n`;

describe('a key of the ssh agent', { skip: openSshMissing }, () => {
  let device: Device;
  let real: RealAgent;
  let key: string;
  before(async () => {
    [device, real] = await Promise.all([startDevice(), RealAgent.start()]);
    key = real.add('key', 'ed25519');
  });
  after(async () => {
    await Promise.all([device.dispose(), real.stop()]);
  });

  const withAgent = (args: readonly string[], input = '', socket = real.socket): Promise<Result> =>
    device.sesame(args, input, { SSH_AUTH_SOCK: socket });
  async function ends(code: number, run: Promise<Result>, ...mentions: string[]): Promise<Result> {
    const result = await run;
    assert.equal(result.code, code, result.stderr);
    for (const mention of mentions) assert.ok(result.stderr.includes(mention), `${mention} in: ${result.stderr}`);
    return result;
  }
  const onTheTerminal = (args: string[], typing: Typing[]) =>
    onTerminal([sesame, ...args], typing, { ...device.environment, SSH_AUTH_SOCK: real.socket, TERM: 'xterm' });

  it('is enrolled and opens the vault by itself, without a terminal', async () => {
    await device.initialise('own');
    await ends(0, withAgent(['ssh', 'enroll', '-p', 'own']), real.fingerprint(key));
    await device.must(['lock', '-p', 'own']);
    await ends(0, withAgent(['unlock', '-p', 'own']));
    await device.must(['lock', '-p', 'own']);
    await device.unlock('own');
    await ends(7, withAgent(['ssh', 'enroll', '-p', 'own']), 'factor replace');
  });

  it('makes a vault without any password', async () => {
    await ends(0, withAgent(['init', '-p', 'keyed', '--factor', 'ssh-agent', '--no-recovery-key']));
    await ends(0, withAgent(['unlock', '-p', 'keyed']));
    assert.equal((await device.must(['factor', 'list', '-p', 'keyed'])).toString(), 'ssh-agent\n');
  });

  it('is reached by the socket of the command line, or that of the configuration where nothing else names one', async () => {
    await device.must(['lock', '-p', 'keyed']);
    await ends(0, withAgent(['unlock', '-p', 'keyed', '--agent-socket', real.socket], '', join(device.home, 'gone.sock')));
    await device.must(['lock', '-p', 'keyed']);
    await ends(13, device.sesame(['unlock', '-p', 'keyed']), 'SSH_AUTH_SOCK');
    writeFileSync(join(device.configurationDirectory, 'config.toml'), `[global.ssh]\nagent_socket = "${real.socket}"\n`);
    await ends(0, device.sesame(['unlock', '-p', 'keyed']));
    rmSync(join(device.configurationDirectory, 'config.toml'));
  });

  it('and a password together open a vault that asks for both, in one step or in two', async () => {
    const made = [
      'init',
      '-p',
      'both',
      '--factor',
      'password,ssh-agent',
      '--policy',
      'all',
      '--password-stdin',
      '--no-recovery-key',
    ];
    await ends(0, withAgent(made, typed));
    await ends(4, withAgent(['unlock', '-p', 'both']), 'password must follow');
    await ends(0, device.sesame(['unlock', '-p', 'both', '--password-stdin'], typed));
    await device.must(['lock', '-p', 'both']);
    await ends(4, device.sesame(['unlock', '-p', 'both', '--password-stdin'], typed), 'ssh-agent must follow');
    await ends(0, withAgent(['unlock', '-p', 'both']));
    await device.must(['lock', '-p', 'both']);
    await ends(0, withAgent(['unlock', '-p', 'both', '--password-stdin'], typed));
  });

  it('stays through a rekey, and is replaced by another key', async () => {
    await ends(0, withAgent(['rekey', '-p', 'both', '--password-stdin'], typed), 'kept password, ssh-agent');
    const other = real.add('replacing', 'rsa', '-b', '2048');
    const replace = ['factor', 'replace', 'ssh-agent', '-p', 'keyed', '--key', `${other}.pub`];
    await ends(0, withAgent(replace));
    await device.must(['lock', '-p', 'keyed']);
    await ends(0, withAgent(['unlock', '-p', 'keyed', '--ssh-agent']));
    const listed = await device.must(['factor', 'list', '-p', 'keyed', '--json']);
    assert.ok(listed.toString().includes(`ssh-rsa ${real.fingerprint(other)}`));
    real.run('ssh-add', '-q', '-d', other);
  });

  it('is chosen by fingerprint, by file, or from a list on the terminal', async () => {
    const second = real.add('second', 'ed25519');
    try {
      await device.initialise('choice');
      await ends(2, withAgent(['ssh', 'enroll', '-p', 'choice']), '--fingerprint');
      const enroll = ['ssh', 'enroll', '-p', 'choice'];
      const choose = onTheTerminal(enroll, [
        { after: 'which ssh key, 1 to 2: ', keys: '7\n' },
        { after: 'which ssh key, 1 to 2: 7\r\nwhich ssh key, 1 to 2: ', keys: '2\n' },
      ]);
      assert.equal(choose.code, 0, choose.shown);
      assert.ok(choose.shown.includes(`the ssh key is ${real.fingerprint(second)}`), choose.shown);
      await device.must(['factor', 'remove', 'ssh-agent', '-p', 'choice']);
      await ends(0, withAgent([...enroll, '--fingerprint', real.fingerprint(key)]));
      await device.must(['factor', 'remove', 'ssh-agent', '-p', 'choice']);
      await ends(2, withAgent([...enroll, '--key', key]), 'it is a private key');
      await ends(0, withAgent([...enroll, '--key', `${key}.pub`]));
    } finally {
      real.run('ssh-add', '-q', '-d', second);
    }
  });

  it('is not there: the vault asks for the password, and says so where nobody can be asked', async () => {
    await device.must(['lock', '-p', 'own']);
    const asked = onTerminal([sesame, 'unlock', '-p', 'own'], [{ after: 'password of profile own: ', keys: `${password}\r` }], {
      ...device.environment,
      SSH_AUTH_SOCK: join(device.home, 'gone.sock'),
    });
    assert.equal(asked.code, 0, asked.shown);
    assert.match(asked.shown, /no ssh agent answers at .*gone\.sock: there is no such socket/);
    await device.must(['lock', '-p', 'own']);
    await ends(13, withAgent(['unlock', '-p', 'own'], '', join(device.home, 'gone.sock')), 'gone.sock');
    await ends(13, device.sesame(['unlock', '-p', 'own', '--ssh-agent']), 'SSH_AUTH_SOCK');
    await ends(2, device.sesame(['unlock', '-p', 'own']), '--password-stdin');
  });

  it('is in an agent that is locked, or that does not hold it: refused by name', async () => {
    real.lock('-x');
    try {
      await ends(6, withAgent(['unlock', '-p', 'own']), real.fingerprint(key), 'locked');
      await ends(0, withAgent(['ssh', 'list']), 'ssh-add -X');
    } finally {
      real.lock('-X');
    }
    const empty = await RealAgent.start();
    try {
      await ends(6, withAgent(['unlock', '-p', 'own'], '', empty.socket), real.fingerprint(key), 'ssh-add FILE');
    } finally {
      await empty.stop();
    }
  });

  it('of a type that signs differently each time is refused by name', async () => {
    const agent = await RealAgent.start();
    try {
      const ecdsa = agent.add('ecdsa', 'ecdsa');
      const certified = agent.generate('certified', 'ed25519');
      agent.run('ssh-keygen', '-q', '-s', ecdsa, '-I', 'name', `${certified}.pub`);
      await device.initialise('types');
      const enroll = (...more: string[]) => withAgent(['ssh', 'enroll', '-p', 'types', ...more], '', agent.socket);
      await ends(2, enroll(), 'ecdsa-sha2-nistp256', 'ECDSA');
      await ends(2, enroll('--key', `${ecdsa}.pub`), 'ECDSA');
      await ends(2, enroll('--key', `${certified}-cert.pub`), 'certificate');
      agent.run('ssh-add', '-q', certified);
      const listed = await withAgent(['ssh', 'list', '--json'], '', agent.socket);
      assert.match(listed.stdout.toString(), /"type":"ssh-ed25519-cert-v01@openssh.com".*?"suitable":false/);
    } finally {
      await agent.stop();
    }
  });

  it('in an agent that lies or hangs: nothing is enrolled, and the lie is named', async () => {
    const liars = await LyingAgents.start(
      {
        random: { identities: 'return identities(random_key)', sign: 'return random_signature(fields(body)[1])' },
        security: {
          identities: 'return identities(string(b"sk-ssh-ed25519@openssh.com") + string(bytes(32)) + string(b"ssh:"))',
        },
        forged: { sign: 'return signature(b"ssh-ed25519", bytes(64))' },
        silent: { identities: 'return None' },
      },
      real.environment,
    );
    try {
      await device.initialise('lies');
      const enroll = (name: string) => withAgent(['ssh', 'enroll', '-p', 'lies'], '', liars.socket(name));
      await ends(8, enroll('random'), 'signing twice gave two different ones');
      await ends(2, enroll('security'), 'sk-ssh-ed25519@openssh.com', 'security key');
      await ends(8, enroll('forged'), 'not by this key');
      await ends(13, enroll('silent'), 'did not answer within 5 s');
      assert.equal((await device.must(['factor', 'list', '-p', 'lies'])).toString(), 'password\n');
      assert.ok(!existsSync(join(device.stateDirectory, 'vaults/lies.ssh-enrollment')));
    } finally {
      liars.stop();
    }
  });

  it('is added on a terminal where every factor counts: the password and the recovery key are asked for', async () => {
    const init = ['init', '-p', 'strict', '--policy', 'all', '--password-stdin', '--recovery-key'];
    const recoveryKey = (await device.must(init, typed)).toString().trim();
    await device.must(['unlock', '-p', 'strict', '--password-stdin'], typed);
    await device.must(['secret', 'set', '-p', 'strict', 'kept'], 'value');
    const added = onTheTerminal(
      ['ssh', 'enroll', '-p', 'strict'],
      [
        { after: 'password of profile strict: ', keys: `${password}\r` },
        { after: 'recovery key of profile strict: ', keys: `${recoveryKey}\r` },
      ],
    );
    assert.equal(added.code, 0, added.shown);
    await device.must(['lock', '-p', 'strict']);
    await ends(4, device.sesame(['unlock', '-p', 'strict', '--password-stdin'], typed));
    await ends(0, withAgent(['unlock', '-p', 'strict']));
    assert.equal((await device.must(['secret', 'get', '-p', 'strict', 'kept'])).toString(), 'value');
    await device.must(['lock', '-p', 'strict']);
    await device.must(['unlock', '-p', 'strict', '--recovery-stdin'], `${recoveryKey}\n`);
  });

  it('comes to the device with a forwarded agent', async () => {
    const server = await startServer(device, real, `${key}.pub`);
    try {
      await device.sesame(['lock', '-p', 'own']);
      const variables = ['CONFIG', 'STATE', 'RUNTIME'].map((name) => `PDS_${name}_DIR=${device.environment[`PDS_${name}_DIR`]}`);
      const remote = (...options: string[]) =>
        spawnSync('ssh', [...options, ...server.client, `${variables.join(' ')} ${sesame} unlock -p own`], {
          env: real.environment,
          encoding: 'utf8',
        });
      const without = remote('-a');
      assert.equal(without.status, 2, without.stderr);
      const forwarded = remote('-A');
      assert.equal(forwarded.status, 0, `${forwarded.stderr}\n${server.log()}`);
      await device.must(['secret', 'list', '-p', 'own']);
    } finally {
      await server.stop();
    }
  });
});

interface Server {
  /** Arguments for ssh that reach it. */
  readonly client: readonly string[];
  log(): string;
  stop(): Promise<void>;
}

/** OpenSSH's own server on loopback, for the user of this process, with a configuration of its own. */
async function startServer(device: Device, real: RealAgent, authorised: string): Promise<Server> {
  const directory = join(device.home, 'sshd');
  mkdirSync(directory, { mode: 0o700 });
  // As root it insists on the directory that its package's service makes.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  real.run('ssh-keygen', '-q', '-N', '', '-t', 'ed25519', '-f', join(directory, 'host'));
  writeFileSync(join(directory, 'authorized_keys'), readFileSync(authorised), { mode: 0o600 });
  const port = await freePort();
  const settings = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${join(directory, 'host')}`,
    `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
    'PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\nAllowAgentForwarding yes',
  ];
  writeFileSync(join(directory, 'config'), `${settings.join('\n')}\n`);
  const child: ChildProcess = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(directory, 'config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  await device.eventually('sshd listens', () => log.includes('Server listening'));
  const quiet = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'BatchMode=yes'];
  return {
    client: ['-F', 'none', ...quiet.flatMap((option) => ['-o', option]), '-p', String(port), `${userInfo().username}@127.0.0.1`],
    log: () => log,
    async stop() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await gone;
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
