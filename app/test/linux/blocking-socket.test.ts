// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BlockingSocket, SocketTimeout } from '../../src/linux/blocking-socket.ts';

describe('a blocking socket', () => {
  const directory = mkdtempSync(join(tmpdir(), 'socket-'));
  const path = join(directory, 'silent.sock');
  // It never answers: this process does nothing else while it waits.
  const server = createServer();
  before(() => new Promise<void>((resolve) => server.listen(path, resolve)));
  after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });

  it('waits as long as it was told although signals come, and no longer', () => {
    const socket = BlockingSocket.connect(path);
    assert.ok(typeof socket !== 'string', String(socket));
    process.on('SIGWINCH', () => undefined);
    const signals = spawn('sh', ['-c', `for i in 1 2 3 4; do sleep 0.05; kill -WINCH ${process.pid}; done`], { stdio: 'ignore' });
    const startedAt = performance.now();
    try {
      assert.throws(() => socket.read(Buffer.alloc(1), 400), SocketTimeout);
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs >= 390 && tookMs < 2000, `${tookMs} ms`);
    } finally {
      process.removeAllListeners('SIGWINCH');
      signals.kill();
      socket.close();
    }
  });

  it('names what is wrong with a path', () => {
    assert.equal(BlockingSocket.connect(join(directory, 'missing.sock')), 'ENOENT');
    assert.equal(BlockingSocket.connect(join(directory, 'x'.repeat(120))), 'ENAMETOOLONG');
  });

  it('waits for a full queue no longer than it was told', async () => {
    const full = join(directory, 'full.sock');
    const listening = createServer();
    await new Promise<void>((resolve) => listening.listen({ path: full, backlog: 1 }, resolve));
    const open: BlockingSocket[] = [];
    try {
      let last: BlockingSocket | string = '';
      for (let count = 0; count < 8 && last !== 'EAGAIN'; count += 1) {
        last = BlockingSocket.connect(full, 50);
        if (typeof last !== 'string') open.push(last);
      }
      assert.equal(last, 'EAGAIN');
    } finally {
      for (const socket of open) socket.close();
      listening.close();
    }
  });
});
