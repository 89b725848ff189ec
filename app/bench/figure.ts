// SPDX-License-Identifier: MIT

export type Unit = 'µs' | 'ms' | 'MB' | 'pages';

/** What a figure is held against: itself, or its ratio to the floor. */
export interface Limit {
  readonly of: 'value' | 'ratio';
  readonly most: number;
}

/** One line of the result: what was measured, beside the least that anything could take, measured in the same run. */
export interface Figure {
  /** The line of the table of budgets. */
  readonly budget: string;
  readonly measured: string;
  readonly value: number;
  readonly floor: { readonly measured: string; readonly value: number };
  readonly unit: Unit;
  /** Absent for what has no budget and is measured to be known. */
  readonly limit?: Limit;
}

export interface BenchOptions {
  /** Fewer rounds and smaller vaults, for trying the benchmark itself. */
  readonly quick: boolean;
  /** What is under way. */
  say(text: string): void;
}

export type Benchmark = (options: BenchOptions) => Promise<Figure[]>;

export function ratio({ value, floor }: Figure): number {
  return value / floor.value;
}

/** Undefined without a limit. */
export function holds(figure: Figure): boolean | undefined {
  const { limit, value } = figure;
  if (limit === undefined) return undefined;
  return (limit.of === 'value' ? value : ratio(figure)) <= limit.most;
}
