// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { rounds, seededRandom } from '../support/campaign.ts';
import { type LogFixture, withLog } from './fixture.ts';

const kills = Number(process.env['AUDIT_KILLS'] ?? rounds(12, 300));
const { seed, below } = seededRandom();
const limits = { maxBytes: 20_000, maxFiles: 1_000_000 };

/** Appends in another process, kills it at some moment after its first acknowledgement, and gives what it acknowledged. */
async function appendUntilKilled({ directory }: LogFixture, run: number, afterMs: number): Promise<string[]> {
  const program = join(import.meta.dirname, 'append-process.ts');
  const child = spawn(process.execPath, [program, directory, String(run)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await wait(afterMs);
  child.kill('SIGKILL');
  await ended;
  return output.split('\n').slice(0, -1);
}

/** Sequence and key of every entry that says `set`, as the child prints them. */
function recorded(fixture: LogFixture): Set<string> {
  const entries = fixture
    .files()
    .flatMap((name) => readFileSync(join(fixture.directory, name), 'utf8').split('\n').slice(0, -1))
    .map((line) => JSON.parse(line));
  return new Set(entries.map(({ sequence, action }) => `${sequence} ${action.SecretOperationAudited.key}`));
}

describe('a writer that is killed', () => {
  it(`${kills} times at random moments leaves a chain that verifies and holds every acknowledged entry`, () =>
    withLog(async (fixture) => {
      let acknowledged = 0;
      for (let run = 0; run < kills; run += 1) {
        const claims = await appendUntilKilled(fixture, run, below(120));
        const report = await fixture.recover(limits);
        assert.equal(report.first, 1, `seed ${seed}, kill ${run}`);
        const present = recorded(fixture);
        const missing = claims.filter((claim) => !present.has(claim));
        assert.deepEqual(missing, [], `seed ${seed}, kill ${run}`);
        acknowledged += claims.length;
      }
      assert.ok(acknowledged >= kills, `${acknowledged} acknowledged entries`);
      const worst = fixture.logger.lines.filter(({ level }) => level === 'error');
      assert.deepEqual(worst, [], `seed ${seed}: a crash never looks like tampering`);
    }));
});
