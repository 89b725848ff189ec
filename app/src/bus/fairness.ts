// SPDX-License-Identifier: MIT

interface Claimant {
  readonly uid: number;
}

/**
 * Whom to turn away when something that all share runs short: of the user who takes most of it, the item that takes most, and
 * among equals the oldest. Whoever floods a resource so displaces himself; taking the newest would let a few silent
 * connections shut everybody else out, and taking the oldest of all would let one user push out the others.
 * @param items oldest first
 */
export function mostDemanding<Item extends Claimant>(items: Iterable<Item>, weightOf: (item: Item) => number): Item | undefined {
  const totals = new Map<number, number>();
  const heaviest = new Map<number, Item>();
  for (const item of items) {
    const { uid } = item;
    totals.set(uid, (totals.get(uid) ?? 0) + weightOf(item));
    const before = heaviest.get(uid);
    if (before === undefined || weightOf(item) > weightOf(before)) heaviest.set(uid, item);
  }
  const [first] = [...totals].sort(([, one], [, other]) => other - one);
  return first === undefined ? undefined : heaviest.get(first[0]);
}
