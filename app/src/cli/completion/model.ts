// SPDX-License-Identifier: MIT
import type { CommandDefinition, OptionDefinition } from '../definition.ts';
import { allOptions } from '../help.ts';

/** What the scripts of all shells need to know, worked out once. */
export interface CompletionModel {
  readonly commands: readonly CommandDefinition[];
  /** First words with what help says about them; a group stands once. */
  readonly firstWords: readonly (readonly [string, string])[];
  /** Groups with their second words. */
  readonly groups: ReadonlyMap<string, readonly (readonly [string, string])[]>;
  /** Every spelling of every option that takes a value. */
  readonly valueOptions: readonly string[];
}

export function completionModel(commands: readonly CommandDefinition[]): CompletionModel {
  const groups = new Map<string, (readonly [string, string])[]>();
  const firstWords = new Map<string, string>();
  for (const { name, summary } of commands) {
    const [first = '', second] = name.split(' ');
    if (second === undefined) firstWords.set(first, summary);
    else groups.set(first, [...(groups.get(first) ?? []), [second, summary]]);
  }
  for (const [group, members] of groups) firstWords.set(group, members.map(([word]) => word).join(', '));
  const valueOptions = new Set(commands.flatMap(({ options }) => options.filter(takesValue).flatMap(spellings)));
  return { commands, firstWords: [...firstWords], groups, valueOptions: [...valueOptions] };
}

export function takesValue(option: OptionDefinition): boolean {
  return option.value !== undefined;
}

/** `-p` and `--profile` */
export function spellings(option: OptionDefinition): string[] {
  return option.short === undefined ? [`--${option.long}`] : [`-${option.short}`, `--${option.long}`];
}

/** Every spelling of every option of a command. */
export function optionWords(command: CommandDefinition): string[] {
  return allOptions(command).flatMap(spellings);
}
