// SPDX-License-Identifier: MIT
import { type ErrorCode, type ErrorParameters, errorCatalogue } from './catalogue.ts';
import type { ExitCode } from './exit.ts';
import { printable } from './text.ts';

type AnyParameters = Readonly<Record<string, string | number>>;

/** An error that a person can act on. Its code is in the catalogue; its message names the thing, the cause and the next step. */
export class SesameError extends Error {
  override readonly name = 'SesameError';
  readonly code: ErrorCode;
  readonly parameters: AnyParameters;

  private constructor(code: ErrorCode, parameters: AnyParameters, options?: ErrorOptions) {
    super(render(errorCatalogue()[code].message, parameters), options);
    this.code = code;
    this.parameters = parameters;
  }

  /** @param cause the error underneath, kept for a stack trace; its text is not shown. */
  static of<Code extends ErrorCode>(code: Code, parameters: ErrorParameters<Code>, cause?: unknown): SesameError {
    return new SesameError(code, parameters, cause === undefined ? undefined : { cause });
  }

  /** Rebuilds an error that came over the bus. A code that this version does not know becomes `unexpected`. */
  static fromWire(code: string, parameters: AnyParameters): SesameError {
    if (isErrorCode(code)) return new SesameError(code, parameters);
    return SesameError.of('unexpected', { where: 'the other side', cause: code });
  }

  get exit(): ExitCode {
    return errorCatalogue()[this.code].exit;
  }
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue(), code);
}

/** Whatever was thrown, as a SesameError; what is not one already is a bug of ours and becomes `unexpected`. */
export function asSesameError(thrown: unknown, where: string): SesameError {
  if (thrown instanceof SesameError) return thrown;
  return SesameError.of('unexpected', { where, cause: describe(thrown) }, thrown);
}

/** One line about anything that was thrown. */
export function describe(thrown: unknown): string {
  return thrown instanceof Error ? printable(thrown.message) : printable(String(thrown));
}

/** The `code` of a Node system error such as ENOENT, or undefined. */
export function systemErrorCode(thrown: unknown): string | undefined {
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return undefined;
}

/** For what cannot happen unless we made a mistake: our bug, not the caller's. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** @throws AssertionError when the condition does not hold */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionError(claim);
}

/** Closes an exhaustive switch. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}

function render(template: string, parameters: AnyParameters): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => printable(String(parameters[name] ?? '?')));
}
