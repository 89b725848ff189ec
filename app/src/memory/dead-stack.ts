// SPDX-License-Identifier: MIT

/** Each takes a machine word of stack. Together 128 KiB: deeper than native code goes below us. */
const words: readonly number[] = new Array<number>(16_384).fill(0);

function nothing(): void {}

/**
 * Overwrites the part of the native stack that calls before this one have used and left. Native code that handled a key (SQLCipher's
 * key schedule, for one) leaves it there until something else goes as deep. Arguments are passed on the stack, so passing many
 * is the one way to write there from here.
 */
export function overwriteDeadStack(): void {
  Reflect.apply(nothing, undefined, words);
}
