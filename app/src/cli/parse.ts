// SPDX-License-Identifier: MIT
import { parseArgs } from 'node:util';
import { nearest } from '../config/suggestion.ts';
import { asSesameError, SesameError, systemErrorCode } from '../core/errors.ts';
import type { CommandDefinition } from './definition.ts';
import { type GivenOption, Invocation } from './invocation.ts';

export type Parsed =
  | { readonly kind: 'command'; readonly invocation: Invocation }
  | { readonly kind: 'help'; readonly topic: string }
  | { readonly kind: 'version' };

/**
 * @param words the command line without the interpreter and the program
 * @throws SesameError usage
 */
export function parseCommandLine(commands: readonly CommandDefinition[], words: readonly string[]): Parsed {
  const start = commandStart(words);
  const leading = words.slice(0, start);
  if (start === words.length) return withoutCommand(leading);

  const command = findCommand(commands, words.slice(start));
  if (command === undefined) return unknownCommand(commands, words.slice(start), words);
  const following = words.slice(start + command.name.split(' ').length);
  const [own, rest] = splitRest(command, following);
  if (asksForHelp([...leading, ...own])) return { kind: 'help', topic: command.name };

  const { options, positionals } = parseOptions(command, [...leading, ...own]);
  const all = [...positionals, ...rest];
  checkPositionals(command, all);
  return { kind: 'command', invocation: new Invocation(command, all, options) };
}

function commandStart(words: readonly string[]): number {
  let index = 0;
  while (index < words.length) {
    const word = words[index];
    if (word === undefined || !word.startsWith('-')) break;
    index += word === '-p' || word === '--profile' ? 2 : 1;
  }
  return Math.min(index, words.length);
}

function withoutCommand(leading: readonly string[]): Parsed {
  if (leading.includes('--version') || leading.includes('-V')) return { kind: 'version' };
  if (asksForHelp(leading)) return { kind: 'help', topic: '' };
  throw SesameError.of('usage', { problem: 'a command is missing', command: 'sesame' });
}

function asksForHelp(words: readonly string[]): boolean {
  return words.includes('--help') || words.includes('-h');
}

function findCommand(commands: readonly CommandDefinition[], words: readonly string[]): CommandDefinition | undefined {
  return commands.find((command) => command.name.split(' ').every((word, index) => word === words[index]));
}

function unknownCommand(
  commands: readonly CommandDefinition[],
  [first = '', second]: readonly string[],
  all: readonly string[],
): Parsed {
  const group = commands.filter((command) => command.name.startsWith(`${first} `));
  if (group.length > 0) {
    if (asksForHelp(all)) return { kind: 'help', topic: first };
    const known = group.map((command) => command.name.slice(first.length + 1)).join(', ');
    if (second === undefined) throw SesameError.of('usage', { problem: `${first} needs one of: ${known}`, command: 'sesame' });
    throw SesameError.of('usage', { problem: `${first} has no ${JSON.stringify(second)}, only: ${known}`, command: 'sesame' });
  }
  const words = new Set(commands.map((command) => command.name.replace(/ .*/, '')));
  throw SesameError.of('usage', {
    problem: `there is no command ${JSON.stringify(first)}${suggestion(first, [...words])}`,
    command: 'sesame',
  });
}

function suggestion(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? '' : `, did you mean ${near}?`;
}

/** What belongs to us, and what is passed on: the words after `--`, or from the first word that is not an option of ours. */
function splitRest(command: CommandDefinition, words: readonly string[]): [readonly string[], readonly string[]] {
  if (!command.arguments.some((argument) => argument.rest === true)) return [words, []];
  let index = 0;
  while (index < words.length) {
    const word = words[index] ?? '';
    if (word === '--') return [words.slice(0, index), words.slice(index + 1)];
    if (!word.startsWith('-') || word === '-') break;
    index += takesNextWord(command, word) ? 2 : 1;
  }
  return [words.slice(0, index), words.slice(index)];
}

function takesNextWord(command: CommandDefinition, word: string): boolean {
  return command.options.some(
    (option) => option.value !== undefined && (word === `--${option.long}` || word === `-${option.short}`),
  );
}

function parseOptions(command: CommandDefinition, words: readonly string[]): { options: GivenOption[]; positionals: string[] } {
  const { tokens } = strictly(command, words);
  const options: GivenOption[] = [];
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind === 'option') options.push(...givenOptions(command, token.name, token.value));
  }
  for (const option of options) checkChoice(command, option);
  return { options, positionals };
}

function givenOptions(command: CommandDefinition, long: string, value: string | undefined): GivenOption[] {
  const isList = command.options.some((option) => option.long === long && option.list === true);
  return isList && value !== undefined ? value.split(',').map((part) => ({ long, value: part })) : [{ long, value }];
}

function strictly(command: CommandDefinition, words: readonly string[]) {
  const options = Object.fromEntries(
    command.options.map((option) => [
      option.long,
      {
        type: option.value === undefined ? 'boolean' : 'string',
        ...(option.short === undefined ? {} : { short: option.short }),
      } as const,
    ]),
  );
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true, tokens: true });
  } catch (thrown) {
    throw refuseOption(command, words, thrown);
  }
}

function refuseOption(command: CommandDefinition, words: readonly string[], thrown: unknown): SesameError {
  const name = `sesame ${command.name}`;
  switch (systemErrorCode(thrown)) {
    case 'ERR_PARSE_ARGS_UNKNOWN_OPTION': {
      const known = command.options.map((option) => `--${option.long}`);
      const word = words.find((candidate) => isUnknown(command, candidate)) ?? 'option';
      const given = word.replace(/=.*/s, '');
      return SesameError.of(
        'usage',
        { problem: `${name} has no option ${JSON.stringify(given)}${suggestion(given, known)}`, command: name },
        thrown,
      );
    }
    case 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE':
      return SesameError.of('usage', { problem: optionValueProblem(command, thrown), command: name }, thrown);
    default:
      return asSesameError(thrown, 'the command line');
  }
}

function isUnknown(command: CommandDefinition, word: string): boolean {
  if (!word.startsWith('-') || word === '-') return false;
  if (word.startsWith('--')) return !command.options.some((option) => `--${option.long}` === word.replace(/=.*/s, ''));
  return !command.options.some((option) => option.short === word[1]);
}

/** parseArgs names the option in quotes at the start of its message; the advice behind it is for programmers. */
function optionValueProblem(command: CommandDefinition, thrown: unknown): string {
  const named = thrown instanceof Error ? /'(?:-\w, )?(-[\w-]+)/.exec(thrown.message)?.[1] : undefined;
  const option = command.options.find(({ long, short }) => named === `--${long}` || named === `-${short}`);
  if (option?.value === undefined) return `${named ?? 'an option'} takes no value`;
  return `--${option.long} needs a value (one that starts with "-" is given as --option=-value)`;
}

function checkChoice(command: CommandDefinition, given: GivenOption): void {
  const definition = command.options.find((option) => option.long === given.long);
  if (definition?.choices === undefined || given.value === undefined || definition.choices.includes(given.value)) return;
  const problem = `--${given.long} takes one of ${definition.choices.join(', ')}, not ${JSON.stringify(given.value)}`;
  throw SesameError.of('usage', { problem, command: `sesame ${command.name}` });
}

function checkPositionals(command: CommandDefinition, given: readonly string[]): void {
  const refuse = (problem: string) => SesameError.of('usage', { problem, command: `sesame ${command.name}` });
  const missing = command.arguments[given.length];
  if (missing !== undefined && missing.optional !== true) throw refuse(`the argument ${missing.name} is missing`);
  const rest = command.arguments.some((argument) => argument.rest === true);
  const extra = given[command.arguments.length];
  if (extra !== undefined && !rest) throw refuse(`${JSON.stringify(extra)} is one argument too many`);
  for (const [index, argument] of command.arguments.entries()) {
    const value = given[index];
    if (value === undefined || argument.choices === undefined || argument.choices.includes(value)) continue;
    throw refuse(`the argument ${argument.name} is one of ${argument.choices.join(', ')}, not ${JSON.stringify(value)}`);
  }
}
