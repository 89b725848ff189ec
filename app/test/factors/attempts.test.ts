// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ManualClock } from '../../src/core/clock.ts';
import { SesameError } from '../../src/core/errors.ts';
import { RecordingLogger } from '../../src/core/log.ts';
import { delaySeconds, UnlockAttempts } from '../../src/factors/attempts.ts';
import { failsWith } from './fixture.ts';

const profile = 'home';
let directory: string;
let clock: ManualClock;
let logger: RecordingLogger;
let attempts: UnlockAttempts;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'attempts-'));
  clock = new ManualClock();
  logger = new RecordingLogger();
  attempts = new UnlockAttempts({ directory, clock, logger });
});
afterEach(() => rmSync(directory, { recursive: true }));

const file = () => join(directory, `${profile}.unlock-attempts`);

/** A new process: another counter, and a monotonic clock that starts anew. */
function restart(): void {
  clock = new ManualClock();
  attempts = new UnlockAttempts({ directory, clock, logger });
}

/** Fails so often in a row, each time after the delay of the failure before. */
async function fail(times = 1): Promise<void> {
  for (let time = 0; time < times; time++) {
    if (time > 0) clock.advance(60_000);
    const work = async () => {
      throw SesameError.of('authentication-failed', { factor: 'password', profile });
    };
    await assert.rejects(attempts.guard(profile, work), failsWith('authentication-failed'));
  }
}

/** The seconds that are left to wait, 0 when work is let through. */
async function waiting(): Promise<number> {
  try {
    await attempts.guard(profile, async () => undefined);
    return 0;
  } catch (thrown) {
    assert.ok(failsWith('authentication-delayed')(thrown));
    return thrown instanceof SesameError ? Number(thrown.parameters['seconds']) : 0;
  }
}

describe('the delay after failed unlocks', () => {
  it('is 1, 2, 4, … seconds from the third failure and never above 60', () => {
    const delays = Array.from({ length: 12 }, (_, failures) => delaySeconds(failures));
    assert.deepEqual(delays, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('lets two failures pass', async () => {
    await fail(2);
    assert.equal(await waiting(), 0);
  });

  it('grows with each further failure', async () => {
    await fail(2);
    for (const expected of [1, 2, 4, 8, 16, 32, 60, 60]) {
      await fail();
      assert.equal(await waiting(), expected);
      clock.advance(expected * 1000);
    }
  });

  it('refuses without running the work', async () => {
    await fail(3);
    let ran = false;
    const work = async () => {
      ran = true;
    };
    await assert.rejects(attempts.guard(profile, work), failsWith('authentication-delayed', '1 s'));
    assert.equal(ran, false);
  });

  it('is not made longer by attempts during it', async () => {
    await fail(5);
    clock.advance(3_900);
    assert.equal(await waiting(), 1);
    clock.advance(100);
    assert.equal(await waiting(), 0);
  });

  it('ignores a wall clock that jumps', async () => {
    await fail(3);
    clock.setWall(4_000_000_000_000);
    assert.equal(await waiting(), 1);
  });

  it('does not reach another profile', async () => {
    await fail(4);
    assert.equal(await attempts.guard('work', async () => 'in'), 'in');
  });

  it('is not caused by errors other than wrong evidence', async () => {
    const work = async () => {
      throw SesameError.of('recovery-key-malformed', { reason: 'short' });
    };
    for (let time = 0; time < 5; time++) await assert.rejects(attempts.guard(profile, work), failsWith('recovery-key-malformed'));
    assert.equal(await waiting(), 0);
  });
});

describe('the count of failed unlocks', () => {
  it('survives a restart, and the delay runs anew', async () => {
    await fail(5);
    clock.advance(3_000);
    restart();
    assert.equal(await waiting(), 4);
    clock.advance(4_000);
    assert.equal(await waiting(), 0);
  });

  it('goes on from where it was after a restart', async () => {
    await fail(3);
    restart();
    clock.advance(1_000);
    await fail();
    assert.equal(await waiting(), 2);
  });

  it('is forgotten on success, file and all', async () => {
    await fail(3);
    attempts.reset(profile);
    assert.equal(existsSync(file()), false);
    assert.equal(await waiting(), 0);
  });

  it('is not forgotten when work merely succeeds', async () => {
    await fail(2);
    await attempts.guard(profile, async () => undefined);
    await fail();
    assert.equal(await waiting(), 1);
  });

  it('stands in a file that only the owner reads', async () => {
    await fail(3);
    assert.deepEqual([readFileSync(file(), 'latin1'), statSync(file()).mode & 0o777], ['3\n', 0o600]);
  });

  for (const content of ['', 'x\n', '-1\n', '3', '3\n4\n', '9'.repeat(40), '\0\0\0']) {
    it(`is taken as the highest when the file holds ${JSON.stringify(content)}`, async () => {
      writeFileSync(file(), content);
      assert.equal(await waiting(), 60);
      assert.match(logger.lines[0]?.fields['cause']?.toString() ?? '', /unlock-attempts/);
    });
  }

  it('is capped when the file claims more than any count', async () => {
    writeFileSync(file(), '999999\n');
    assert.equal(await waiting(), 60);
  });

  it('lets the owner in after the highest delay whatever the file holds', async () => {
    writeFileSync(file(), 'rubbish');
    assert.equal(await waiting(), 60);
    clock.advance(60_000);
    assert.equal(await waiting(), 0);
  });

  it('holds in memory and is logged when it cannot be written', async () => {
    // A directory in the file's place makes the rename fail, for root too.
    await fail(2);
    rmSync(file());
    mkdirSync(file());
    await fail();
    assert.equal(await waiting(), 1);
    assert.equal(logger.lines[0]?.level, 'error');
  });
});
