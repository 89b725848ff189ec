// SPDX-License-Identifier: MIT

/** The shortest text that may stand for one that begins with it, or the other way round. */
const shortestBeginning = 3;

/**
 * The candidate that was probably meant, or undefined when none is near. One mistake is allowed for every three letters; upper
 * case, and "-" for "_", are no mistakes at all. Failing that, one that is cut short or drawn out: "warning" for "warn".
 */
export function nearest(written: string, candidates: Iterable<string>): string | undefined {
  const wanted = folded(written);
  const all = [...candidates];
  let best: string | undefined;
  let fewest = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of all) {
    // The difference in length is the least that the distance can be: long foreign names cost nothing.
    if (Math.abs(candidate.length - wanted.length) >= fewest) continue;
    const distance = editDistance(wanted, folded(candidate));
    if (distance < fewest) {
      fewest = distance;
      best = candidate;
    }
  }
  return best ?? all.find((candidate) => isBeginning(wanted, folded(candidate)) || isBeginning(folded(candidate), wanted));
}

function isBeginning(start: string, text: string): boolean {
  return start.length >= shortestBeginning && text.startsWith(start);
}

/**
 * How many letters must be inserted, removed, changed or swapped with their neighbour to make one text of the other (optimal string
 * alignment: Damerau 1964, restricted so that no part is edited twice).
 */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const changed = from[row - 1] === to[column - 1] ? 0 : 1;
      let distance = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + changed);
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped && row > 1 && column > 1) distance = Math.min(distance, at(beforeLast, column - 2) + 1);
      current.push(distance);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}

function folded(text: string): string {
  return text.toLowerCase().replaceAll('-', '_');
}
