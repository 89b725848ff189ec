// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type AgentPatience, SshAgent } from '../../src/ssh/agent.ts';
import type { PublicKey } from '../../src/ssh/public-key.ts';
import { failsWith, memory } from '../factors/fixture.ts';
import { type Lie, LyingAgents } from '../support/lying-agent.ts';
import { openSshMissing, RealAgent } from '../support/ssh-agent.ts';

const challenge = createHash('sha256').update('a challenge').digest();
const patience: AgentPatience = { listMs: 300, signMs: 300 };

interface Told extends Lie {
  readonly expected: Parameters<typeof failsWith>;
}

const lists: Readonly<Record<string, Told>> = {
  'says nothing': { identities: 'return None', expected: ['ssh-agent-unreachable', '0.3 s'] },
  drips: {
    identities: 'return [b"\\0", time.sleep(0.2) or b"\\0", time.sleep(0.2) or b"\\0"]',
    expected: ['ssh-agent-unreachable', '0.3 s'],
  },
  'hangs up': { identities: 'raise EOFError', expected: ['ssh-agent-unreachable', 'closed'] },
  'announces 4 GiB': { identities: 'return [b"\\xff\\xff\\xff\\xff"]', expected: ['ssh-agent-faulty', '4294967295 bytes'] },
  'announces nothing': { identities: 'return [bytes(4)]', expected: ['ssh-agent-faulty', '0 bytes'] },
  fails: { identities: 'return failure', expected: ['ssh-agent-faulty', 'type 5 instead of 12'] },
  'sends a signature': {
    identities: 'return signature(b"ssh-ed25519", bytes(64))',
    expected: ['ssh-agent-faulty', 'type 14 instead of 12'],
  },
  'counts 4 billion keys': { identities: 'return b"\\x0c\\xff\\xff\\xff\\xff"', expected: ['ssh-agent-faulty', 'malformed'] },
  'counts a key less than it sends': {
    identities: 'return b"\\x0c" + bytes(4) + string(b"x")',
    expected: ['ssh-agent-faulty', '5 bytes follow'],
  },
  'ends within a key': {
    identities: 'return identities(b"ssh-ed25519" * 9)[:-20]',
    expected: ['ssh-agent-faulty', 'malformed'],
  },
};

const signatures: Readonly<Record<string, Told>> = {
  'does not sign': { sign: 'return None', expected: ['ssh-agent-unreachable', '0.3 s'] },
  'hangs up instead of signing': { sign: 'raise EOFError', expected: ['ssh-agent-unreachable', 'closed'] },
  'announces a long signature': { sign: 'return [struct.pack(">I", 4097)]', expected: ['ssh-agent-faulty', '4097 bytes'] },
  'sends a list': { sign: 'return identities()', expected: ['ssh-agent-faulty', 'type 12 instead of 14'] },
  'takes another algorithm': {
    sign: 'return signature(b"ssh-dss", bytes(40))',
    expected: ['ssh-agent-faulty', '"ssh-dss" instead of ssh-ed25519'],
  },
  'makes a signature up': {
    sign: 'return signature(b"ssh-ed25519", bytes(64))',
    expected: ['ssh-agent-faulty', 'not by this key'],
  },
  'sends a short signature': {
    sign: 'return signature(b"ssh-ed25519", bytes(63))',
    expected: ['ssh-agent-faulty', '63 bytes instead of 64'],
  },
  'appends to its answer': {
    sign: 'return upstream(bytes([13]) + body) + b"more"',
    expected: ['ssh-agent-faulty', '4 bytes follow'],
  },
  'signs with another key': {
    sign: 'return upstream(bytes([13]) + string(bytes.fromhex(os.environ["OTHER"])) + body[4 + len(fields(body)[0]):])',
    expected: ['ssh-agent-faulty', 'not by this key'],
  },
  'signs something else': {
    sign: 'return upstream(bytes([13]) + string(fields(body)[0]) + string(bytes(32)) + body[-4:])',
    expected: ['ssh-agent-faulty', 'not by this key'],
  },
};

const special: Readonly<Record<string, Lie>> = {
  nonsense: {
    identities: 'return identities(b"", b"\\xff" * 40, string(b"ssh-ed25519") + string(bytes(31)), string(b"ssh-rsa"))',
  },
  'security key': {
    identities: 'return identities(string(b"sk-ssh-ed25519@openssh.com") + string(bytes(32)) + string(b"ssh:"))',
  },
  'no flag': { sign: 'return upstream(bytes([13]) + body[:-4] + bytes(4))' },
  pss: {
    sign:
      'command = ["openssl", "dgst", "-sha512", "-sign", os.environ["PEM"], "-sigopt", "rsa_padding_mode:pss"]; ' +
      'return signature(b"rsa-sha2-512", subprocess.run(command, input=fields(body)[1], capture_output=True, check=True).stdout)',
  },
};

describe('an ssh agent', { skip: openSshMissing }, () => {
  let real: RealAgent;
  let ed25519: string;
  let rsa: string;
  let liars: LyingAgents;
  before(async () => {
    real = await RealAgent.start();
    ed25519 = real.add('ed25519', 'ed25519');
    rsa = real.add('rsa', 'rsa', '-b', '2048', '-m', 'PEM');
    real.add('ecdsa', 'ecdsa');
    const other = real.publicBlob(real.add('another', 'ed25519')).toString('hex');
    liars = await LyingAgents.start({ ...lists, ...signatures, ...special }, { ...real.environment, OTHER: other, PEM: rsa });
  });
  after(async () => {
    liars.stop();
    await real.stop();
  });

  function withAgent<Result>(socket: string, work: (agent: SshAgent) => Result): Result {
    const agent = SshAgent.connect(memory, socket, patience);
    try {
      return work(agent);
    } finally {
      agent.close();
    }
  }
  const keyOf = (path: string): PublicKey => {
    const found = withAgent(real.socket, (agent) => agent.identities()).find(
      ({ key }) => key.fingerprint === real.fingerprint(path),
    );
    assert.ok(found, `the agent holds ${path}`);
    return found.key;
  };
  const sign = (socket: string, key: PublicKey): string =>
    withAgent(socket, (agent) => {
      const signature = agent.sign(key, challenge);
      try {
        return signature.bytes.toString('hex');
      } finally {
        signature.release();
      }
    });

  it('lists the keys that it holds, as ssh-add does', () => {
    const listed = withAgent(real.socket, (agent) => agent.identities());
    const lines = real.run('ssh-add', '-l').trim().split('\n');
    assert.deepEqual(
      listed.map(({ key, comment }) => `${key.fingerprint} ${comment}`),
      lines.map((line) => line.replace(/^\d+ /, '').replace(/ \(\w+\)$/, '')),
    );
    assert.deepEqual(
      listed.map(({ key }) => key.bits),
      [256, 2048, undefined, 256],
    );
  });

  it('signs the same bytes each time with an Ed25519 and with an RSA key', () => {
    for (const [path, length] of [
      [ed25519, 64],
      [rsa, 256],
    ] as const) {
      const key = keyOf(path);
      const signature = sign(real.socket, key);
      assert.equal(signature.length, 2 * length);
      assert.equal(sign(real.socket, key), signature);
    }
  });

  it('is not asked to sign with an ECDSA key', () => {
    const found = withAgent(real.socket, (agent) => agent.identities()).find(({ key }) => key.type.startsWith('ecdsa'));
    assert.ok(found);
    assert.throws(() => sign(real.socket, found.key), failsWith('ssh-key-unsuitable', 'ECDSA', found.key.fingerprint));
  });

  it('that does not hold the key refuses', () => {
    const other = real.generate('other', 'ed25519');
    const key = { ...keyOf(ed25519), blob: real.publicBlob(other) };
    assert.throws(() => sign(real.socket, key), failsWith('ssh-agent-refused', real.socket));
  });

  it('that is locked lists nothing and refuses', () => {
    const key = keyOf(ed25519);
    real.lock('-x');
    try {
      assert.deepEqual(
        withAgent(real.socket, (agent) => agent.identities()),
        [],
      );
      assert.throws(() => sign(real.socket, key), failsWith('ssh-agent-refused', 'ssh-add -X'));
    } finally {
      real.lock('-X');
    }
  });

  it('that is not there is named with its socket', () => {
    const missing = join(real.directory, 'missing.sock');
    assert.throws(() => SshAgent.connect(memory, missing), failsWith('ssh-agent-unreachable', missing, 'no such socket'));
    assert.throws(() => SshAgent.connect(memory, `${ed25519}.pub`), failsWith('ssh-agent-unreachable', 'nobody listens'));
    assert.throws(() => SshAgent.connect(memory, `/${'x'.repeat(200)}`), failsWith('ssh-agent-unreachable', 'too long'));
  });

  it('that takes no connection is not waited for longer than for a list', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'full-'));
    const path = join(directory, 'full.sock');
    const server = createServer();
    // This process is busy with the test and accepts none of them.
    await new Promise<void>((resolve) => server.listen({ path, backlog: 1 }, resolve));
    const open: SshAgent[] = [];
    try {
      assert.throws(
        () => {
          for (let count = 0; count < 8; count += 1) open.push(SshAgent.connect(memory, path, patience));
        },
        failsWith('ssh-agent-unreachable', 'takes no more connections'),
      );
    } finally {
      for (const agent of open) agent.close();
      server.close();
      rmSync(directory, { recursive: true });
    }
  });

  it('that lies is refused, and what it lied about is named', () => {
    for (const [what, { expected }] of Object.entries(lists)) {
      const asked = () => withAgent(liars.socket(what), (agent) => agent.identities());
      assert.throws(asked, failsWith(...expected), what);
    }
    for (const [what, { expected }] of Object.entries(signatures))
      assert.throws(() => sign(liars.socket(what), keyOf(ed25519)), failsWith(...expected), what);
  });

  it('shows a key that makes no sense as one that cannot serve', () => {
    for (const { key } of withAgent(liars.socket('nonsense'), (agent) => agent.identities())) {
      assert.equal(key.type, 'unknown');
      assert.match('reason' in key.suitability ? key.suitability.reason : '', /malformed/);
    }
  });

  it('that offers a security key has it refused by name', () => {
    const [identity] = withAgent(liars.socket('security key'), (agent) => agent.identities());
    assert.ok(identity);
    const refused = failsWith('ssh-key-unsuitable', 'sk-ssh-ed25519@openssh.com', 'security key');
    assert.throws(() => sign(liars.socket('security key'), identity.key), refused);
  });

  it('that ignores the flag for SHA-512 is refused by the algorithm that it takes instead', () => {
    const refused = failsWith('ssh-agent-faulty', '"ssh-rsa" instead of rsa-sha2-512');
    assert.throws(() => sign(liars.socket('no flag'), keyOf(rsa)), refused);
  });

  it('that signs with RSA-PSS has it refused by name', () => {
    assert.throws(() => sign(liars.socket('pss'), keyOf(rsa)), failsWith('ssh-agent-faulty', 'RSA-PSS'));
  });
});
