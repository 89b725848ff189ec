// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { Esys } from '../linux/tss2/esys.ts';
import { overwriteDeadStack } from '../memory/dead-stack.ts';
import type { PcrSelection, PcrValues } from './pcr-selection.ts';
import { readPcrs } from './pcrs.ts';

/** Real chips take up to 11 s for one command; what takes longer than this has hung. */
const commandLimitMs = 30_000;
const slowAfterMs = 5_000;

export interface TpmOptions {
  /** The transport, as tss2-tctildr(3) has it; asked for each time, so that a new configuration takes effect. */
  readonly tcti: () => string;
  readonly logger: Logger;
  /** Longest time for one command in ms; 30 s when absent. */
  readonly limitMs?: number;
  /** From when on a command counts as slow, in ms; 5 s when absent. */
  readonly slowMs?: number;
}

/**
 * The TPM of this machine. One conversation at a time, each with a connection of its own: nothing is kept loaded between them, neither
 * in the TPM nor in the library.
 */
export class Tpm {
  readonly #options: TpmOptions;
  #last: Promise<unknown> = Promise.resolve();
  /** A command that has not been answered in time. */
  #hung: { readonly command: string } | undefined;

  constructor(options: TpmOptions) {
    this.#options = options;
  }

  get tcti(): string {
    return this.#options.tcti();
  }

  /**
   * Runs a conversation after those that were asked for before.
   * @throws SesameError tpm-library-missing, tpm-absent, tpm-slow, and what the work throws
   */
  async converse<Result>(work: (esys: Esys) => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(
      () => this.#converse(work),
      () => this.#converse(work),
    );
    this.#last = turn.catch(() => undefined);
    return await turn;
  }

  /** @throws SesameError as `converse`; tpm-bank-missing */
  readPcrs(selection: PcrSelection): Promise<PcrValues> {
    return this.converse((esys) => readPcrs(esys, selection));
  }

  async #converse<Result>(work: (esys: Esys) => Promise<Result>): Promise<Result> {
    const { logger, limitMs = commandLimitMs, slowMs = slowAfterMs } = this.#options;
    const { tcti } = this;
    if (this.#hung) throw SesameError.of('tpm-slow', { tcti, command: this.#hung.command, seconds: Math.round(limitMs / 1000) });
    let current = '';
    const esys = Esys.open({
      tcti,
      limitMs,
      slowMs: Math.min(slowMs, limitMs),
      onSlow: (command) => {
        current = command;
        logger.warn('the TPM is slow', { tcti, command, after_s: slowMs / 1000 });
      },
    });
    try {
      return await work(esys);
    } finally {
      if (esys.unanswered) this.#waitForever(esys, current);
      else close(esys);
    }
  }

  #waitForever(esys: Esys, command: string): void {
    this.#hung = { command };
    void esys.answered().then(() => {
      close(esys);
      this.#hung = undefined;
    });
  }
}

/** The cryptography below leaves keys on the native stack. */
function close(esys: Esys): void {
  esys.close();
  overwriteDeadStack();
}
