// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { entryHash } from '../../src/audit/entry-hash.ts';
import { temporaryDirectory } from '../support/directory.ts';

const action = {
  SecretOperationAudited: { action: 'get', profile: 'p', key: null, requester: 'r', requester_name: null, outcome: 'success' },
};
const line = (sequence: number): string => JSON.stringify({ sequence, timestamp_ms: sequence, action, prev_hash: '' });

describe('the hash of an entry', () => {
  const directory = temporaryDirectory();
  const file = (name: string, last: number, sequences: readonly number[]) => {
    const path = join(directory, name);
    writeFileSync(path, sequences.map((sequence) => `${line(sequence)}\n`).join(''));
    return { path, last };
  };
  const files = [file('audit.jsonl.5', 5, [3, 4, 5]), file('audit.jsonl', Number.POSITIVE_INFINITY, [6, 7, 10])];

  for (const sequence of [3, 5, 6, 10]) {
    it(`is that of its line, as b3sum has it: ${sequence}`, () => {
      const { stdout } = spawnSync('b3sum', ['--no-names'], { input: line(sequence), encoding: 'utf8' });
      assert.equal(entryHash(files, sequence), stdout.trim());
    });
  }

  for (const [because, sequence] of [
    ['that the chain leaves out', 8],
    ['that was not written yet', 11],
  ] as const)
    it(`is empty for one ${because}`, () => assert.equal(entryHash(files, sequence), ''));

  it('is unknown for one whose file was dropped, and for none', () => {
    assert.equal(entryHash(files, 2), undefined);
    assert.equal(entryHash(files, 0), undefined);
  });
});
