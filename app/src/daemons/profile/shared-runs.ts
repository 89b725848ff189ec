// SPDX-License-Identifier: MIT

/**
 * Runs work one time after the other, however often it is asked for: who asks while it runs shares the next run with all others that
 * do. So an answer is never older than its question, and many questions cost no more than few.
 */
export function sharedRuns<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let next: Promise<Result> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    if (next !== undefined) return next;
    const run = last.then(() => {
      next = undefined;
      return work();
    });
    next = run;
    last = run.catch(() => undefined); // whoever asked for it is told
    return run;
  };
}
