// SPDX-License-Identifier: MIT

/** Lets one piece of work at a time touch what a key names; the others wait in the order in which they came. */
export class MutualExclusion {
  readonly #last = new Map<string, Promise<void>>();

  async run<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(key);
    const ended = Promise.withResolvers<void>();
    this.#last.set(key, ended.promise);
    try {
      await before;
      return await work();
    } finally {
      ended.resolve();
      if (this.#last.get(key) === ended.promise) this.#last.delete(key);
    }
  }
}
