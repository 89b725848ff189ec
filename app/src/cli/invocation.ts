// SPDX-License-Identifier: MIT
import { assert, SesameError } from '../core/errors.ts';
import type { CommandDefinition } from './definition.ts';

/** An option as it stood on the command line. */
export interface GivenOption {
  readonly long: string;
  readonly value: string | undefined;
}

/** A command line that its definition allows. */
export class Invocation {
  readonly command: CommandDefinition;
  readonly positionals: readonly string[];
  /** In the order of the command line: evidence on standard input follows it. */
  readonly options: readonly GivenOption[];

  constructor(command: CommandDefinition, positionals: readonly string[], options: readonly GivenOption[]) {
    this.command = command;
    this.positionals = positionals;
    this.options = options;
  }

  flag(long: string): boolean {
    this.#known(long);
    return this.options.some((option) => option.long === long);
  }

  /** The value of an option; when it was given several times, the last one. */
  value(long: string): string | undefined {
    return this.values(long).at(-1);
  }

  values(long: string): string[] {
    this.#known(long);
    return this.options.flatMap((option) => (option.long === long && option.value !== undefined ? [option.value] : []));
  }

  /** The argument at this place of the definition, or undefined. */
  argument(index: number): string | undefined {
    return this.positionals[index];
  }

  /** An argument that the definition requires, so that it is there. */
  required(index: number): string {
    const argument = this.positionals[index];
    assert(argument !== undefined, `argument ${index} of ${this.command.name} is required`);
    return argument;
  }

  /**
   * A whole number from an option.
   * @throws SesameError usage
   */
  number(long: string, bounds: { least: number; most: number; otherwise: number }): number {
    const text = this.value(long);
    if (text === undefined) return bounds.otherwise;
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= bounds.least && number <= bounds.most) return number;
    throw this.refuse(`--${long} takes a whole number from ${bounds.least} to ${bounds.most}, not ${JSON.stringify(text)}`);
  }

  refuse(problem: string): SesameError {
    return SesameError.of('usage', { problem, command: `sesame ${this.command.name}` });
  }

  #known(long: string): void {
    assert(
      this.command.options.some((option) => option.long === long),
      `${this.command.name} defines --${long}`,
    );
  }
}

/** Runs the command, whose code is loaded now. */
export async function runCommand(invocation: Invocation): Promise<number> {
  const { run } = await invocation.command.load();
  return run(invocation);
}
