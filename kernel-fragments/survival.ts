// SPDX-License-Identifier: MIT
import type { Wanted } from './fragment.ts';

/** An option that the kernel was built without, or with another value. */
export interface Lost {
  readonly wanted: Wanted;
  /** What the kernel has; `n` when it is off or unknown there. */
  readonly got: string;
}

/** Two fragments that want different things. */
export interface Contradiction {
  readonly first: Wanted;
  readonly second: Wanted;
}

/** Which of the wanted options did not survive. A module serves where a built-in was asked for, if the caller says so. */
export function lostOptions(wanted: readonly Wanted[], built: ReadonlyMap<string, string>, modulesServe = false): Lost[] {
  return wanted
    .map((each) => ({ wanted: each, got: built.get(each.option) ?? 'n' }))
    .filter(({ wanted: { value }, got }) => got !== value && !(modulesServe && value === 'y' && got === 'm'));
}

export function contradictions(wanted: readonly Wanted[]): Contradiction[] {
  const first = new Map<string, Wanted>();
  const found: Contradiction[] = [];
  for (const second of wanted) {
    const earlier = first.get(second.option);
    if (earlier === undefined) first.set(second.option, second);
    else if (earlier.value !== second.value) found.push({ first: earlier, second });
  }
  return found;
}

/** Options that no Kconfig file of a kernel source defines: a typing error, or gone from this version. */
export function unknownOptions(wanted: readonly Wanted[], defined: ReadonlySet<string>): Wanted[] {
  return wanted.filter(({ option }) => !defined.has(option));
}
