// SPDX-License-Identifier: MIT

/**
 * Whom to turn away when something that all share runs short: of the user who takes most of it, the item that takes most, and
 * among equals the oldest. Whoever floods a resource so displaces himself; taking the newest would let a few silent
 * connections shut everybody else out, and taking the oldest of all would let one user push out the others.
 * @param items oldest first
 */
export function mostDemanding<Item extends { readonly uid: number }>(
  items: Iterable<Item>,
  weightOf: (item: Item) => number,
): Item | undefined {
  const byUser = Map.groupBy(items, ({ uid }) => uid);
  const most = largest([...byUser.values()], (ofUser) => ofUser.reduce((sum, item) => sum + weightOf(item), 0));
  return most && largest(most, weightOf);
}

/** The first of those with the greatest weight. */
export function largest<Item>(items: readonly Item[], weightOf: (item: Item) => number): Item | undefined {
  let found: Item | undefined;
  for (const item of items) if (found === undefined || weightOf(item) > weightOf(found)) found = item;
  return found;
}
