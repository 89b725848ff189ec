// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { type PeerCredentials, peerCredentials, peerUnit } from '../../src/linux/peer.ts';
import { serviceUnit } from '../../src/linux/unit.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { failsWith } from '../support/failures.ts';
import { endOf, ServiceGroup, servicesMissing } from '../support/service.ts';

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
    const program = `require('node:net').connect('${path}').resume()`;
    let group: ServiceGroup;

    before(() => {
      if (servicesMissing === false) group = new ServiceGroup(`open-sesame-test-${process.pid}`);
    });
    after(() => group?.remove());

    it('are found out while it is there', { skip: servicesMissing }, async () => {
      const child = group.spawn(process.execPath, '--eval', program);
      const [socket]: Socket[] = await once(server, 'connection');
      assert.ok(socket !== undefined);
      assert.equal(peerUnit(socket), group.name);
      await endOf(child, 'SIGKILL');
      assert.equal(peerUnit(socket), undefined);
      socket.destroy();
    });

    it('are not those of another process that has got its number', { skip: servicesMissing }, async (test) => {
      for (let attempt = 0; attempt < 20; attempt += 1) {
        const first = spawn(process.execPath, ['--eval', program]);
        const [socket]: Socket[] = await once(server, 'connection');
        assert.ok(socket !== undefined && first.pid !== undefined);
        await endOf(first, 'SIGKILL');
        writeFileSync('/proc/sys/kernel/ns_last_pid', String(first.pid - 1));
        const second = group.spawn('sleep', '60');
        const reused = second.pid === first.pid;
        // It joins its group by itself, which a busy machine puts off.
        for (let tries = 0; reused && tries < 100 && serviceUnit(first.pid) !== group.name; tries += 1) await wait(20);
        const [byNumber, byProcess] = [serviceUnit(first.pid), peerUnit(socket)];
        socket.destroy();
        await endOf(second, 'SIGKILL');
        if (!reused) continue; // somebody else was faster
        assert.deepEqual([byNumber, byProcess], [group.name, undefined]);
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
