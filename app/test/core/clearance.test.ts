// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clears, securityLevels } from '../../src/core/clearance.ts';

describe('a clearance', () => {
  it('clears its own level and those below, and none above', () => {
    const matrix = securityLevels.map((clearance) => securityLevels.map((level) => clears(clearance, level)));
    assert.deepEqual(matrix, [
      [true, false, false, false],
      [true, true, false, false],
      [true, true, true, false],
      [true, true, true, true],
    ]);
  });
});
