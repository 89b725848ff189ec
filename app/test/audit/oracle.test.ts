// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { operation, withLog } from './fixture.ts';

/**
 * The chain verified by other programs: Python reads the lines and their JSON, b3sum or Python's hashlib hashes them. It follows
 * the format's description: prev_hash is the hash of the line before without its newline, and empty at first.
 */
const verifier = `
import hashlib, json, subprocess, sys
def digest(line):
    if sys.argv[2] == 'sha256':
        return hashlib.sha256(line).hexdigest()
    return subprocess.run(['b3sum', '--no-names'], input=line, stdout=subprocess.PIPE, check=True).stdout.decode().strip()
previous, count = '', 0
with open(sys.argv[1], 'rb') as file:
    for line in file:
        assert line.endswith(b'\\n'), 'the line is whole'
        entry = json.loads(line)
        assert entry['prev_hash'] == previous, f'line {count + 1} links to the line before'
        assert isinstance(entry['timestamp_ms'], int) and len(entry['action']) == 1
        previous, count = digest(line[:-1]), count + 1
print(count)
`;

function verifiedByOthers(path: string, hash: string): number {
  const { status, stdout, stderr } = spawnSync('python3', ['-c', verifier, path, hash], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return Number(stdout);
}

describe('an independent verifier', () => {
  for (const hash of ['blake3', 'sha256'] as const) {
    it(`agrees about a chain of ${hash}, with restarts and a torn line in it`, () =>
      withLog(async (fixture) => {
        await fixture.write(20, { hash });
        fixture.addBytes('{"sequence":21,"ti');
        await fixture.write(20, { hash });
        assert.equal(verifiedByOthers(fixture.path, hash), 41);
      }));
  }

  it('agrees about every file of a log that was rotated', () =>
    withLog(async (fixture) => {
      const log = fixture.open({ maxBytes: 5000, maxFiles: 5 });
      await Promise.all(Array.from({ length: 60 }, () => log.append(operation('ключ "/\\\n'), { durable: true })));
      for (let index = 0; index < 20; index += 1) await log.append(operation(), { durable: true });
      await log.close();
      assert.ok(existsSync(fixture.path));
      for (const name of fixture.files()) {
        const path = `${fixture.directory}/${name}`;
        assert.equal(verifiedByOthers(path, 'blake3'), readFileSync(path, 'utf8').trim().split('\n').length);
      }
    }));
});
