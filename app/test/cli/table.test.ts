// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { table, timeOf } from '../../src/cli/table.ts';

describe('a table', () => {
  it('aligns its columns and ends no line with spaces', () => {
    assert.equal(
      table(
        ['A', 'LONGER'],
        [
          ['wide cell', 'x'],
          ['y', ''],
        ],
      ),
      'A          LONGER\nwide cell  x\ny\n',
    );
  });

  it('escapes what could move the cursor of a terminal', () => {
    assert.equal(table(['NAME'], [['\u001b[2J']]), 'NAME\n\\u{1b}[2J\n');
  });
});

describe('a time', () => {
  it('reads the same on every device', () => assert.equal(timeOf(1_700_000_000), '2023-11-14 22:13'));
  it('that no calendar has is shown as its number', () => assert.equal(timeOf(Number.MAX_SAFE_INTEGER), '9007199254740991'));
});
