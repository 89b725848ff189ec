// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { deviceAppears, deviceProblem } from '../../../src/linux/tss2/device.ts';

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

  it('is waited for no longer than the limit, and not at all on another transport', async () => {
    const start = performance.now();
    await deviceAppears(`device:${join(directory, 'never')}`, 300);
    await deviceAppears('swtpm:port=1', 60_000);
    assert.ok(performance.now() - start < 10_000);
  });
});
