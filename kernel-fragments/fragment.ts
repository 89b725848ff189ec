// SPDX-License-Identifier: MIT

/** One option that a fragment wants. */
export interface Wanted {
  /** Without CONFIG_. */
  readonly option: string;
  /** As .config writes it: `y`, `m`, a number or a quoted text; `n` for one that is to be off. */
  readonly value: string;
  /** The comment above it: what is lost without it. */
  readonly reason: string;
  readonly file: string;
  readonly line: number;
}

/** A line of a fragment that says nothing a kernel would understand. */
export interface Malformed {
  readonly file: string;
  readonly line: number;
  readonly problem: string;
}

const setPattern = /^CONFIG_([A-Za-z0-9_]+)=(y|m|n|-?\d+|0x[0-9a-fA-F]+|".*")$/;
const unsetPattern = /^# CONFIG_([A-Za-z0-9_]+) is not set$/;

/** Reads a fragment: options as .config has them (Documentation/kbuild/kconfig.rst), each under the comment that gives its reason. */
export function parseFragment(
  file: string,
  text: string,
): { readonly wanted: readonly Wanted[]; readonly malformed: readonly Malformed[] } {
  const wanted: Wanted[] = [];
  const malformed: Malformed[] = [];
  let comment: string[] = [];
  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1;
    const set = setPattern.exec(content);
    const option = set?.[1] ?? unsetPattern.exec(content)?.[1];
    if (option !== undefined) {
      const reason = comment.join(' ');
      if (reason === '') malformed.push({ file, line, problem: `CONFIG_${option} has no reason above it` });
      wanted.push({ option, value: set?.[2] ?? 'n', reason, file, line });
      comment = [];
    } else if (content.startsWith('#')) comment.push(content.slice(1).trim());
    else {
      if (content.trim() !== '') malformed.push({ file, line, problem: `"${content}" is neither an option nor a comment` });
      comment = [];
    }
  }
  return { wanted, malformed };
}

/** What a built .config has, by option; one that is not in it is off. */
export function parseConfiguration(text: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, option, value] = /^CONFIG_([A-Za-z0-9_]+)=(.*)$/.exec(line) ?? [];
    if (option !== undefined && value !== undefined) options.set(option, value);
  }
  return options;
}
