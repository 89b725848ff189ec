// SPDX-License-Identifier: MIT
import type { Clock } from '../core/clock.ts';
import { asSesameError, SesameError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { readBounded, removeWiped, writeDurably } from '../linux/files.ts';
import { attemptsSuffix, fileMode, profileFile } from './profile-files.ts';

/** Failures that cost nothing; the next ones cost 1, 2, 4, … seconds. */
const freeFailures = 2;
const longestDelaySeconds = 60;
/** Counting further would change no delay. */
const maximumFailures = freeFailures + 7;
const readLimit = 16;

export interface UnlockAttemptsOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Attempts {
  readonly failures: number;
  /** By the monotonic clock. */
  readonly allowedFromMs: number;
}

/** Seconds to wait after so many failures in a row: 0, 0, 1, 2, 4, … and never more than 60. */
export function delaySeconds(failures: number): number {
  return failures <= freeFailures ? 0 : Math.min(longestDelaySeconds, 2 ** (failures - freeFailures - 1));
}

/**
 * Slows down guessing. The count is on disk before a failure is answered, so killing the daemon gains nothing; after a restart
 * the delay runs again from the start. It ends by itself: nobody can lock the owner out for good.
 */
export class UnlockAttempts {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #startedMs: number;
  readonly #profiles = new Map<string, Attempts>();

  constructor({ directory, clock, logger }: UnlockAttemptsOptions) {
    this.#directory = directory;
    this.#clock = clock;
    this.#logger = logger;
    this.#startedMs = clock.monotonicMs();
  }

  /**
   * Runs work that verifies evidence; everything that does must come through here. What ends with authentication-failed is
   * counted, any other error is not.
   * @throws SesameError authentication-delayed, before any work and without lengthening the delay
   */
  async guard<Result>(profile: string, work: () => Promise<Result>): Promise<Result> {
    const waitMs = this.#attempts(profile).allowedFromMs - this.#clock.monotonicMs();
    if (waitMs > 0) throw SesameError.of('authentication-delayed', { profile, seconds: Math.ceil(waitMs / 1000) });
    try {
      return await work();
    } catch (thrown) {
      if (thrown instanceof SesameError && thrown.code === 'authentication-failed') this.#count(profile);
      throw thrown;
    }
  }

  /** Forgets the failures of a profile. Only for a complete unlock: one right factor of several proves too little. */
  reset(profile: string): void {
    if (this.#attempts(profile).failures === 0) return;
    this.#profiles.set(profile, { failures: 0, allowedFromMs: 0 });
    this.#store(profile, (path) => removeWiped(path));
  }

  #count(profile: string): void {
    const failures = Math.min(this.#attempts(profile).failures + 1, maximumFailures);
    this.#profiles.set(profile, { failures, allowedFromMs: this.#clock.monotonicMs() + delaySeconds(failures) * 1000 });
    this.#store(profile, (path) => writeDurably(path, Buffer.from(`${failures}\n`, 'latin1'), fileMode));
  }

  /** A full or read-only disk must neither hide a failure nor refuse the owner: the count in memory still holds. */
  #store(profile: string, write: (path: string) => void): void {
    const path = profileFile(this.#directory, profile, attemptsSuffix);
    try {
      write(path);
    } catch (thrown) {
      const { message } = asSesameError(thrown, 'counting unlock attempts');
      this.#logger.error('the count of failed unlocks is not on disk and a restart would forget it', { profile, cause: message });
    }
  }

  #attempts(profile: string): Attempts {
    const known = this.#profiles.get(profile);
    if (known !== undefined) return known;
    const failures = this.#read(profile);
    const loaded = { failures, allowedFromMs: this.#startedMs + delaySeconds(failures) * 1000 };
    this.#profiles.set(profile, loaded);
    return loaded;
  }

  #read(profile: string): number {
    const path = profileFile(this.#directory, profile, attemptsSuffix);
    try {
      const bytes = readBounded(path, readLimit);
      if (bytes === undefined) return 0;
      const [, digits] = /^(\d{1,6})\n$/.exec(bytes.toString('latin1')) ?? [];
      if (digits !== undefined) return Math.min(Number(digits), maximumFailures);
      throw SesameError.of('file-damaged', { path, reason: 'it is not a count' });
    } catch (thrown) {
      const { message } = asSesameError(thrown, 'reading unlock attempts');
      this.#logger.warn('the count of failed unlocks is taken as the highest', { profile, cause: message });
      return maximumFailures;
    }
  }
}
