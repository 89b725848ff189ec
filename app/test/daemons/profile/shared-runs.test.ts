// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SesameError } from '../../../src/core/errors.ts';
import { sharedRuns } from '../../../src/daemons/profile/shared-runs.ts';

/** Work that ends when the test wants, and numbers its runs. */
class Work {
  readonly #running: PromiseWithResolvers<number>[] = [];
  readonly ask = sharedRuns(() => {
    const run = Promise.withResolvers<number>();
    this.#running.push(run);
    return run.promise;
  });

  get runs(): number {
    return this.#running.length;
  }

  async end(): Promise<void> {
    await nextTurn();
    this.#running.at(-1)?.resolve(this.runs);
    await nextTurn();
  }

  async fail(error: SesameError): Promise<void> {
    await nextTurn();
    this.#running.at(-1)?.reject(error);
    await nextTurn();
  }
}

describe('shared runs', () => {
  it('answer everybody who asks before the run has begun with that run', async () => {
    const work = new Work();
    const answers = Promise.all([work.ask(), work.ask(), work.ask()]);
    await work.end();
    assert.deepEqual(await answers, [1, 1, 1]);
  });

  it('answer everybody who asks meanwhile with one run that begins afterwards', async () => {
    const work = new Work();
    const first = work.ask();
    await nextTurn();
    const others = Promise.all([work.ask(), work.ask()]);
    await nextTurn();
    assert.equal(work.runs, 1);
    await work.end();
    await work.end();
    assert.deepEqual([await first, await others], [1, [2, 2]]);
  });

  it('tell who asked that a run has failed, and go on with the next', async () => {
    const work = new Work();
    const failure = SesameError.of('vault-locked', { profile: 'device' });
    const failing = assert.rejects(work.ask(), failure);
    await nextTurn();
    const following = work.ask();
    await work.fail(failure);
    await failing;
    await work.end();
    assert.equal(await following, 2);
  });
});
