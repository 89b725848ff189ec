// SPDX-License-Identifier: MIT
import { type Figure, holds, ratio } from './figure.ts';

const headings = ['budget', 'measured', 'value', 'floor', '', 'ratio', 'limit', ''] as const;

/** The figures as a table for people. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.budget,
    figure.measured,
    `${number(figure.value)} ${figure.unit}`,
    `${number(figure.floor.value)} ${figure.unit}`,
    figure.floor.measured,
    number(ratio(figure)),
    limit(figure),
    verdict(figure),
  ]);
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(headings), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n');
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function limit({ limit: bound, unit }: Figure): string {
  if (bound === undefined) return '';
  return bound.of === 'ratio' ? `≤ ${bound.most} ×` : `≤ ${bound.most} ${unit}`;
}

function verdict(figure: Figure): string {
  const held = holds(figure);
  if (held === undefined) return '';
  return held ? 'holds' : 'MISSED';
}
