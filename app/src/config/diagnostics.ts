// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { printable } from '../core/text.ts';
import type { Position } from './positions.ts';

/** `error`: the configuration cannot come into force. `warning`: it can, and is not what was meant. `info`: worth knowing. */
export type Severity = 'error' | 'warning' | 'info';

/** One thing that is wrong with a configuration file, and what to write instead. */
export interface Diagnostic extends Position {
  readonly severity: Severity;
  readonly file: string;
  /** What is wrong, in lower case and without a full stop. */
  readonly problem: string;
  /** What to do about it, in the same form. */
  readonly remedy: string;
}

/** A place in a file. */
export interface Place extends Position {
  readonly file: string;
}

/** The beginning of a file, for what concerns all of it. */
export function startOf(file: string): Place {
  return { file, line: 1, column: 1 };
}

export function diagnose(severity: Severity, place: Place, problem: string, remedy: string): Diagnostic {
  const { file, line, column } = place;
  return { severity, file, line, column, problem, remedy };
}

/** `file:line:column: problem; remedy`, in the form that editors and terminals turn into a link. */
export function formatDiagnostic({ severity, file, line, column, problem, remedy }: Diagnostic): string {
  const label = severity === 'error' ? '' : `${severity}: `;
  return printable(`${file}:${line}:${column}: ${label}${problem}; ${remedy}`);
}

export function firstError(diagnostics: readonly Diagnostic[]): Diagnostic | undefined {
  return diagnostics.find(({ severity }) => severity === 'error');
}

/** A diagnostic as the error that ends a command or prevents a start. */
export function configurationError({ file, line, column, problem, remedy }: Diagnostic): SesameError {
  return SesameError.of('configuration-invalid', { file, line, column, problem, remedy });
}
