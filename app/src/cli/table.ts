// SPDX-License-Identifier: MIT
import { printable } from '../core/text.ts';

/** Columns padded to their widest cell, two spaces between them; control characters are escaped. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((row) => row.map(printable));
  const widths = header.map((_, column) => Math.max(...lines.map((row) => [...(row[column] ?? '')].length)));
  const format = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length))
      .join('  ')
      .trimEnd();
  return lines.map((row) => `${format(row)}\n`).join('');
}

/** Unix seconds as `2026-11-24 08:26`, in UTC so that it reads the same on every device. */
export function timeOf(seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? String(seconds) : time.toISOString().slice(0, 16).replace('T', ' ');
}
