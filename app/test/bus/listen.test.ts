// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { connectSocket } from '../../src/bus/connect.ts';
import { listenOn } from '../../src/bus/listen.ts';
import { failsWith } from '../support/failures.ts';
import { runtimeDirectory } from './fixture.ts';

function serverFor(test: TestContext): Server {
  const server = createServer((socket) => socket.destroy());
  test.after(() => server.close());
  return server;
}

describe('listening', () => {
  it('makes a socket of the mode that was asked for', async (test) => {
    const path = join(runtimeDirectory(test), 'bus.sock');
    await listenOn(serverFor(test), path, 0o640);
    assert.equal(statSync(path).mode & 0o777, 0o640);
  });

  it('leaves the umask as it was', async (test) => {
    const before = process.umask();
    await listenOn(serverFor(test), join(runtimeDirectory(test), 'bus.sock'), 0o600);
    assert.equal(process.umask(), before);
  });

  it('where somebody answers is refused, and the other one stays', async (test) => {
    const path = join(runtimeDirectory(test), 'bus.sock');
    await listenOn(serverFor(test), path, 0o600);
    await assert.rejects(listenOn(serverFor(test), path, 0o600), failsWith('already-running'));
    (await connectSocket(path)).destroy();
  });

  it('replaces the socket of a server that was killed', async (test) => {
    const path = join(runtimeDirectory(test), 'bus.sock');
    const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    assert.equal(spawnSync(process.execPath, ['--eval', program]).signal, 'SIGKILL');
    assert.ok(statSync(path).isSocket());
    await listenOn(serverFor(test), path, 0o600);
    (await connectSocket(path)).destroy();
  });

  it('does not remove a file that is no socket', async (test) => {
    const path = join(runtimeDirectory(test), 'bus.sock');
    mkdirSync(path);
    await assert.rejects(listenOn(serverFor(test), path, 0o600), failsWith('socket-unusable'));
    assert.ok(statSync(path).isDirectory());
  });

  it('does not remove an ordinary file in its place', async (test) => {
    const path = join(runtimeDirectory(test), 'bus.sock');
    writeFileSync(path, 'precious');
    await assert.rejects(listenOn(serverFor(test), path, 0o600), failsWith('socket-unusable'));
    assert.ok(statSync(path).isFile());
  });

  it('in a directory that is not there says so', async (test) => {
    const path = join(runtimeDirectory(test), 'gone', 'bus.sock');
    await assert.rejects(listenOn(serverFor(test), path, 0o600), failsWith('socket-unusable'));
  });

  it('on a path longer than a socket address says so', async (test) => {
    const path = join(runtimeDirectory(test), 'x'.repeat(120));
    await assert.rejects(listenOn(serverFor(test), path, 0o600), failsWith('socket-unusable'));
  });
});
