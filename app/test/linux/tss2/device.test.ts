// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { deviceAppears, deviceProblem } from '../../../src/linux/tss2/device.ts';
import { runModule } from '../../support/child.ts';

const directory = mkdtempSync(join(tmpdir(), 'tpm-device-'));
after(() => rmSync(directory, { recursive: true }));

describe('a device that is not there', () => {
  const path = join(directory, 'tpmrm0');

  it('is said to be missing', () => {
    assert.equal(deviceProblem(`device:${path}`), 'there is no such device');
  });

  it('is waited for until it appears', async () => {
    setTimeout(() => writeFileSync(path, ''), 300);
    const start = performance.now();
    await deviceAppears(`device:${path}`, 20_000);
    assert.ok(performance.now() - start < 10_000);
    assert.equal(deviceProblem(`device:${path}`), undefined);
  });

  it('is waited for until udev has given it to its group, which comes a moment after it', () => {
    const device = join(directory, 'given-later');
    chmodSync(directory, 0o777);
    // Root may use every file, so the child becomes somebody else when it has loaded everything.
    const { stdout, stderr } = runModule(`
      import { chmodSync, writeFileSync } from 'node:fs';
      import { deviceAppears, deviceProblem } from ${JSON.stringify(import.meta.resolve('../../../src/linux/tss2/device.ts'))};
      if (process.getuid() === 0) process.setuid(65534);
      const path = ${JSON.stringify(device)};
      writeFileSync(path, '', { mode: 0 });
      const before = deviceProblem('device:' + path) !== undefined;
      setTimeout(() => chmodSync(path, 0o600), 300);
      await deviceAppears('device:' + path, 20_000);
      console.log(before, deviceProblem('device:' + path));
    `);
    assert.equal(stdout, 'true undefined\n', stderr);
  });

  it('is waited for no longer than the limit, and not at all on another transport', async () => {
    const start = performance.now();
    await deviceAppears(`device:${join(directory, 'never')}`, 300);
    await deviceAppears('swtpm:port=1', 60_000);
    assert.ok(performance.now() - start < 10_000);
  });
});
