// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { RecordingLogger } from '../../src/core/log.ts';
import { openReadiness } from '../../src/linux/readiness.ts';
import { temporaryDirectory } from '../support/directory.ts';

describe('the heartbeat', () => {
  const directory = temporaryDirectory();

  it('writes the seconds since the boot and the pid once the daemon is ready', () => {
    const path = join(directory, 'ready');
    writeFileSync(path, '');
    const readiness = openReadiness(undefined, { PDS_HEARTBEAT_FILE: path });
    assert.equal(readFileSync(path, 'utf8'), '');
    readiness.ready();
    const [seconds, pid] = readFileSync(path, 'utf8').split(' ');
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    assert.ok(Math.abs(uptime - Number(seconds)) < 2, `${seconds} is about ${uptime}`);
    assert.equal(Number(pid), process.pid);
  });

  it('replaces a longer line from another process as a whole', () => {
    const path = join(directory, 'replaced');
    writeFileSync(path, `${'9'.repeat(20)} 1\n`);
    openReadiness(undefined, { PDS_HEARTBEAT_FILE: path }).alive();
    assert.match(readFileSync(path, 'utf8'), new RegExp(`^\\d+\\.\\d\\d ${process.pid} *\\n$`));
  });

  it('complains once about a file that is not there, and does not make it', () => {
    const path = join(directory, 'missing');
    const logger = new RecordingLogger();
    const readiness = openReadiness(logger, { PDS_HEARTBEAT_FILE: path });
    readiness.ready();
    readiness.alive();
    assert.equal(logger.lines.length, 1);
    assert.equal(existsSync(path), false);
  });
});
