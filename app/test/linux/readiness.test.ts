// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { RecordingLogger } from '../../src/core/log.ts';
import { openReadiness } from '../../src/linux/readiness.ts';
import { temporaryDirectory } from '../support/directory.ts';

const pythonMissing = spawnSync('python3', ['--version']).status !== 0 && 'the receiver of datagrams is written in Python';

const receiver = `
import socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1].replace('@', '\\0', 1) if sys.argv[1][0] == '@' else sys.argv[1])
print('bound', flush=True)
for _ in range(int(sys.argv[2])):
    print(receiver.recv(4096).decode(), flush=True)
`;

/** What a supervisor at this address hears. */
async function heard(address: string, count: number, tell: () => void): Promise<string[]> {
  const child = spawn('python3', ['-c', receiver, address, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const heardLines: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    if (line === 'bound') tell();
    else heardLines.push(line);
  }
  return heardLines;
}

describe('readiness by sd_notify', { skip: pythonMissing }, () => {
  const directory = temporaryDirectory();

  it('tells all three things to a socket in the file system', async () => {
    const address = join(directory, 'notify');
    const readiness = openReadiness(undefined, { NOTIFY_SOCKET: address });
    const lines = await heard(address, 3, () => {
      readiness.ready();
      readiness.alive();
      readiness.stopping();
    });
    assert.deepEqual(lines, ['READY=1', 'WATCHDOG=1', 'STOPPING=1']);
  });

  it('reaches an abstract socket', async () => {
    const address = `@open-sesame-test-${process.pid}`;
    const lines = await heard(address, 1, () => openReadiness(undefined, { NOTIFY_SOCKET: address }).ready());
    assert.deepEqual(lines, ['READY=1']);
  });
});

describe('readiness', () => {
  it('is silent where no supervisor asks', () => {
    const logger = new RecordingLogger();
    openReadiness(logger, {}).ready();
    assert.deepEqual(logger.lines, []);
  });

  it('warns and goes on when the supervisor is not there', () => {
    const logger = new RecordingLogger();
    openReadiness(logger, { NOTIFY_SOCKET: '/nowhere/notify' }).ready();
    assert.deepEqual(
      logger.lines.map(({ level, fields }) => [level, fields['cause']]),
      [['warn', 'ENOENT: no such file or directory']],
    );
  });

  it('warns of an address that is too long', () => {
    const logger = new RecordingLogger();
    openReadiness(logger, { NOTIFY_SOCKET: `/${'x'.repeat(200)}` }).ready();
    assert.match(String(logger.lines[0]?.fields['cause']), /^ENAMETOOLONG/);
  });

  it('warns of an address of another kind', () => {
    const logger = new RecordingLogger();
    openReadiness(logger, { NOTIFY_SOCKET: 'vsock:2:1234' }).ready();
    assert.equal(logger.lines[0]?.level, 'warn');
  });
});

describe('the period of the watchdog', () => {
  const period = (environment: NodeJS.ProcessEnv) =>
    openReadiness(undefined, { NOTIFY_SOCKET: '/x', ...environment }).aliveEveryMs;

  it('is half of the limit', () => {
    assert.equal(period({ WATCHDOG_USEC: '30000000' }), 15_000);
  });

  it('is undefined without a limit', () => {
    assert.equal(period({}), undefined);
  });

  it('is undefined when another process is meant', () => {
    assert.equal(period({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }), undefined);
  });

  for (const limit of ['0', '-1', 'soon', '']) {
    it(`is undefined when the limit is "${limit}", and that is named`, () => {
      const logger = new RecordingLogger();
      const { aliveEveryMs } = openReadiness(logger, { NOTIFY_SOCKET: '/x', WATCHDOG_USEC: limit });
      assert.equal(aliveEveryMs, undefined);
      assert.deepEqual(
        logger.lines.map(({ level, fields }) => [level, fields['value']]),
        [['warn', limit]],
      );
    });
  }
});
