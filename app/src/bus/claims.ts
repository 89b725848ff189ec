// SPDX-License-Identifier: MIT

/** How much each claimant holds of something that all share. */
export class Claims<Claimant> {
  readonly #held = new Map<Claimant, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** Those who hold something. */
  get claimants(): number {
    return this.#held.size;
  }

  of(claimant: Claimant): number {
    return this.#held.get(claimant) ?? 0;
  }

  /** @param amount a whole number, or sums would not come back to nothing */
  take(claimant: Claimant, amount: number): void {
    this.#total += amount;
    this.#held.set(claimant, this.of(claimant) + amount);
  }

  giveBack(claimant: Claimant, amount: number): void {
    this.#total -= amount;
    const left = this.of(claimant) - amount;
    if (left > 0) this.#held.set(claimant, left);
    else this.#held.delete(claimant);
  }
}
