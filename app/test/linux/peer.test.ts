// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { type PeerCredentials, peerCredentials, peerUnit } from '../../src/linux/peer.ts';
import { serviceUnit } from '../../src/linux/unit.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { failsWith } from '../support/failures.ts';

const rootMissing = process.getuid?.() !== 0 && 'becoming another user needs root';

describe('peer credentials', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'socket');
  // What is not read stays open after its other end is gone.
  const server = createServer({ pauseOnConnect: true });
  before(async () => {
    await once(server.listen(path), 'listening');
    chmodSync(directory, 0o755);
    chmodSync(path, 0o666);
  });
  after(() => server.close());

  /** Connects from a child and gives what the server sees. */
  async function connectThrough(...through: string[]): Promise<{ credentials: PeerCredentials; pid: number | undefined }> {
    const [program = '', ...words] = [...through, process.execPath, '--eval', `require('node:net').connect('${path}').resume()`];
    const child = spawn(program, words, { stdio: 'inherit' });
    const [socket]: Socket[] = await once(server, 'connection');
    assert.ok(socket !== undefined);
    const credentials = peerCredentials(socket);
    const ended = once(child, 'exit');
    socket.destroy();
    await ended;
    return { credentials, pid: child.pid };
  }

  it('are those of the process at the other end', async () => {
    const { credentials, pid } = await connectThrough();
    const groups = /^Groups:[\t ]*(.*?)[\t ]*$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
    assert.deepEqual(credentials, {
      pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
      groups: groups.split(' ').filter(Boolean).map(Number),
    });
  });

  it('are those of another user', { skip: rootMissing }, async () => {
    const { credentials } = await connectThrough('setpriv', '--reuid=65534', '--regid=65533', '--groups=7,9');
    assert.deepEqual([credentials.uid, credentials.gid, credentials.groups], [65_534, 65_533, [7, 9]]);
  });

  it('hold more groups than fit at first', { skip: rootMissing }, async () => {
    const groups = Array.from({ length: 100 }, (_, index) => 1000 + index);
    const { credentials } = await connectThrough('setpriv', `--groups=${groups.join(',')}`);
    assert.deepEqual(credentials.groups, groups);
  });

  describe('and the service of the process', () => {
    const hierarchy = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd'].find((each) =>
      existsSync(join(each, 'cgroup.procs')),
    );
    const noCgroups = rootMissing || (hierarchy === undefined && 'there is no cgroup to make a service in');
    const service = `open-sesame-test-${process.pid}`;
    const cgroup = join(hierarchy ?? '', `${service}.service`);
    const program = `require('node:net').connect('${path}').resume()`;

    /** Another process, in the cgroup of the service. */
    const inService = (...words: string[]) =>
      spawn('sh', ['-c', 'echo $$ > "$0/cgroup.procs"; exec "$@"', cgroup, ...words], { stdio: 'ignore' });

    const end = async (child: ReturnType<typeof spawn>) => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    };

    before(() => {
      if (noCgroups === false) mkdirSync(cgroup);
    });
    after(async () => {
      // The kernel lets go of the last process a moment after its end.
      for (let attempt = 0; noCgroups === false && existsSync(cgroup); attempt += 1) {
        try {
          rmdirSync(cgroup);
        } catch (thrown) {
          if (attempt > 100) throw thrown;
          await wait(10);
        }
      }
    });

    it('are found out while it is there', { skip: noCgroups }, async () => {
      const child = inService(process.execPath, '--eval', program);
      const [socket]: Socket[] = await once(server, 'connection');
      assert.ok(socket !== undefined);
      assert.equal(peerUnit(socket), service);
      await end(child);
      assert.equal(peerUnit(socket), undefined);
      socket.destroy();
    });

    it('are not those of another process that has got its number', { skip: noCgroups }, async (test) => {
      for (let attempt = 0; attempt < 20; attempt += 1) {
        const first = spawn(process.execPath, ['--eval', program]);
        const [socket]: Socket[] = await once(server, 'connection');
        assert.ok(socket !== undefined && first.pid !== undefined);
        await end(first);
        writeFileSync('/proc/sys/kernel/ns_last_pid', String(first.pid - 1));
        const second = inService('sleep', '60');
        await wait(50);
        const reused = second.pid === first.pid;
        const [byNumber, byProcess] = [serviceUnit(first.pid), peerUnit(socket)];
        socket.destroy();
        await end(second);
        if (!reused) continue; // somebody else was faster
        assert.deepEqual([byNumber, byProcess], [service, undefined]);
        return;
      }
      test.skip('no number was given away again');
    });

    it('leave no descriptor behind', async () => {
      const child = spawn(process.execPath, ['--eval', program]);
      const [socket]: Socket[] = await once(server, 'connection');
      assert.ok(socket !== undefined);
      const descriptors = () => readdirSync('/proc/self/fd').length;
      const before = descriptors();
      for (let count = 0; count < 10; count += 1) peerUnit(socket);
      assert.equal(descriptors(), before);
      child.kill();
      await once(child, 'exit');
      socket.destroy();
    });
  });

  it('are refused for a socket that is closed', async () => {
    const { connect } = await import('node:net');
    const socket = connect(path);
    await once(socket, 'connect');
    socket.destroy();
    assert.throws(() => peerCredentials(socket), failsWith('connection-closed'));
  });
});
