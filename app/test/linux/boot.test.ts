// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isUuid } from '../../src/core/uuid.ts';
import { bootId, bootTimeMs, machineId } from '../../src/linux/boot.ts';
import { temporaryDirectory } from '../support/directory.ts';

describe('this boot', () => {
  it('has a UUID', () => {
    assert.ok(isUuid(bootId()));
  });

  it('keeps its UUID', () => {
    assert.equal(bootId(), bootId());
  });

  it('is as long ago as /proc/uptime says', () => {
    const uptimeMs = Number.parseFloat(readFileSync('/proc/uptime', 'utf8')) * 1000;
    assert.ok(Math.abs(bootTimeMs() - uptimeMs) < 500);
  });

  it('moves away from us only', () => {
    const times = Array.from({ length: 1000 }, () => bootTimeMs());
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
  });
});

describe('the machine id', () => {
  const path = join(temporaryDirectory(), 'machine-id');

  it('is the text of the file, trimmed', () => {
    writeFileSync(path, '0123456789abcdef0123456789abcdef\n');
    assert.equal(machineId(path), '0123456789abcdef0123456789abcdef');
  });

  for (const text of ['', '\n', 'uninitialized\n']) {
    it(`is undefined for ${JSON.stringify(text)}`, () => {
      writeFileSync(path, text);
      assert.equal(machineId(path), undefined);
    });
  }

  it('is undefined without the file', () => {
    assert.equal(machineId(`${path}-none`), undefined);
  });
});
