// SPDX-License-Identifier: MIT

// Control characters, DEL, the C1 range and the bidirectional overrides: what could move a terminal's cursor or reorder a line.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const unprintable = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** The text with everything that could take over a terminal or split a log line written as \\u{…}. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
