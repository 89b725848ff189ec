// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type PeerCredentials, peerCredentials } from '../../src/linux/peer.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { failsWith } from '../support/failures.ts';

const rootMissing = process.getuid?.() !== 0 && 'becoming another user needs root';

describe('peer credentials', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'socket');
  const server = createServer();
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
    socket.end();
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

  it('are refused for a socket that is closed', async () => {
    const { connect } = await import('node:net');
    const socket = connect(path);
    await once(socket, 'connect');
    socket.destroy();
    assert.throws(() => peerCredentials(socket), failsWith('connection-closed'));
  });
});
