// SPDX-License-Identifier: MIT
import type { ArgumentDefinition, CommandDefinition, OptionDefinition } from './definition.ts';
import { commonExits, exitMeanings } from './exit-meanings.ts';

const lineWidth = 80;
const nothingElse: OptionDefinition = { long: 'help', short: 'h', description: 'show this help' };

/** `sesame secret get [-p PROFILE] NAME` */
export function usageOf(command: CommandDefinition): string {
  const options = command.options.map((option) => {
    const form = `${option.short === undefined ? `--${option.long}` : `-${option.short}`}${option.value === undefined ? '' : ` ${option.value}`}`;
    return `[${form}]${option.repeated === true ? '…' : ''}`;
  });
  return ['sesame', command.name, ...options, ...command.arguments.map(argumentForm)].join(' ');
}

function argumentForm(argument: ArgumentDefinition): string {
  const name = argument.choices === undefined ? argument.name : argument.choices.join('|');
  const form = argument.rest === true ? `${name} …` : name;
  if (argument.completes === 'command') return `-- ${name} [ARGUMENT …]`;
  return argument.optional === true ? `[${form}]` : form;
}

/** `-p, --profile PROFILE` */
export function optionForm(option: OptionDefinition): string {
  const short = option.short === undefined ? '' : `-${option.short}, `;
  return `${short}--${option.long}${option.value === undefined ? '' : ` ${option.value}`}`;
}

/** An option's description with what it takes. */
export function optionText(option: OptionDefinition): string {
  return option.choices === undefined ? option.description : `${option.description}; one of ${option.choices.join(', ')}`;
}

/** The options of a command and those that every command has. */
export function allOptions(command: CommandDefinition): readonly OptionDefinition[] {
  return [...command.options, nothingElse];
}

/** Exit codes of a command with what they say, smallest first. */
export function exitsOf(command: CommandDefinition): readonly (readonly [number, string])[] {
  const codes = [...new Set([...commonExits, ...command.exits])].sort((left, right) => left - right);
  return codes.map((code) => [code, exitMeanings[code]] as const);
}

/** The help of one command. */
export function commandHelp(command: CommandDefinition): string {
  return [
    `usage: ${usageOf(command)}`,
    command.description.map((paragraph) => wrap(paragraph, 0)).join('\n\n'),
    section(
      'arguments',
      command.arguments.map((argument) => [argument.name, argument.description]),
    ),
    section(
      'options',
      allOptions(command).map((option) => [optionForm(option), optionText(option)]),
    ),
    section(
      'exit codes',
      exitsOf(command).map(([code, meaning]) => [String(code), meaning]),
    ),
    command.examples.length === 0
      ? ''
      : `examples:\n${command.examples.map(({ text, line }) => `  ${text}:\n    ${line}`).join('\n')}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

/** The list of all commands, or of a group such as `secret`. */
export function overview(commands: readonly CommandDefinition[], group = ''): string {
  const shown = commands.filter((command) => group === '' || command.name === group || command.name.startsWith(`${group} `));
  return [
    `usage: sesame ${group === '' ? '' : `${group} `}COMMAND [OPTION …] [ARGUMENT …]`,
    section(
      'commands',
      shown.map((command) => [command.name, command.summary]),
    ),
    'Values come from standard input or from a prompt on the terminal, never from the\ncommand line. Results go to standard output, everything else to standard error.',
    section('options', [
      ['-p, --profile PROFILE', 'the profile; may stand before or after the command'],
      ['--json', 'print JSON where a person would read a table'],
      ['-h, --help', 'show help, of a command when there is one'],
      ['-V, --version', 'show the version'],
    ]),
    'More: sesame help COMMAND, man sesame',
  ]
    .join('\n\n')
    .concat('\n');
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return '';
  const widest = Math.min(24, Math.max(...rows.map(([left]) => left.length)));
  const indent = widest + 4;
  const lines = rows.map(([left, right]) => {
    const text = wrap(right, indent);
    return left.length > widest ? `  ${left}\n${' '.repeat(indent)}${text}` : `  ${left.padEnd(widest)}  ${text}`;
  });
  return `${title}:\n${lines.join('\n')}`;
}

/** Breaks at spaces so that no line is longer than a terminal; lines after the first are indented. */
function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > lineWidth) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}
