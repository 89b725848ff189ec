// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryUsage } from '../../src/linux/memory-usage.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { runModule } from '../support/child.ts';
import { failsWith } from '../support/failures.ts';

describe('the memory of a process', () => {
  it('grows with what it allocates', () => {
    const before = memoryUsage('self').anonymousKb;
    // Much more than what the collector may take or give back meanwhile.
    const held = Buffer.alloc(200 << 20, 1);
    const growth = memoryUsage('self').anonymousKb - before;
    assert.ok(growth > 180_000 && growth < 230_000, `${growth} kB for ${held.length} bytes`);
  });

  it('counts what is locked', () => {
    const before = memoryUsage('self').lockedKb;
    const secret = openSecretMemory({ forceFallback: true }).allocate(64 << 10);
    assert.equal(memoryUsage('self').lockedKb - before, 64);
    secret.release();
  });

  it('is smaller now than at its peak', () => {
    const { residentKb, peakKb } = memoryUsage('self');
    assert.ok(residentKb > 0 && peakKb >= residentKb * 0.98, `${residentKb} of ${peakKb} kB`);
  });

  it('is known of a process that is not dumpable, by who may not read its pages', () => {
    const asNobody = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
    const hardened = `import { hardenProcess } from '${import.meta.resolve('../../src/linux/process.ts')}';
      hardenProcess(); console.log('hardened'); setInterval(() => {}, 1000);`;
    const ended = runModule(
      `import { spawn } from 'node:child_process';
       import { once } from 'node:events';
       import { memoryUsage } from '${import.meta.resolve('../../src/linux/memory-usage.ts')}';
       const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', ${JSON.stringify(hardened)}]);
       await once(child.stdout, 'data');
       console.log(memoryUsage(child.pid).anonymousKb);
       child.kill('SIGKILL');`,
      { through: asNobody },
    );
    assert.ok(Number(ended.stdout) > 5000, ended.stdout + ended.stderr);
  });

  it('is an error for a process that does not exist', () => {
    assert.throws(() => memoryUsage(2 ** 30), failsWith('file-unreadable'));
  });
});
