// SPDX-License-Identifier: MIT
import type { ExitCode } from '../core/exit.ts';
import type { Invocation } from './invocation.ts';

/** What a completion script offers for a value, besides fixed choices. */
export type Completes = 'profile' | 'secret' | 'file' | 'command';

export interface OptionDefinition {
  readonly long: string;
  readonly short?: string;
  /** The placeholder of the option's value; absent for a flag. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly repeated?: boolean;
  /** Takes several values separated by commas, as if it stood there several times. */
  readonly list?: boolean;
  readonly completes?: Completes;
  readonly description: string;
}

export interface ArgumentDefinition {
  /** The placeholder, in capitals. */
  readonly name: string;
  readonly optional?: boolean;
  /** Takes every argument that is left, options of the child included. */
  readonly rest?: boolean;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
  readonly description: string;
}

export interface Example {
  readonly text: string;
  readonly line: string;
}

export interface CommandModule {
  /**
   * Returns the exit code: one of ours, or that of the program that `env` ran.
   * @throws SesameError, which main shows as `sesame: message` and turns into its exit code
   */
  run(invocation: Invocation): Promise<number>;
}

/**
 * One command as plain data. Parsing, help, manual pages and completions are all made from it. A parser library was measured:
 * commander costs 28 % of `node -e 0` in a minified bundle, more than half of what `sesame secret get` may spend; parseArgs costs 3 %.
 */
export interface CommandDefinition {
  /** One or two words: `lock`, `secret get`. */
  readonly name: string;
  readonly summary: string;
  readonly description: readonly string[];
  readonly arguments: readonly ArgumentDefinition[];
  readonly options: readonly OptionDefinition[];
  readonly examples: readonly Example[];
  /** Exit codes beyond the ones that every command has. */
  readonly exits: readonly ExitCode[];
  /** The command's code, loaded when it is chosen: no command pays for another one's imports. */
  readonly load: () => Promise<CommandModule>;
}
