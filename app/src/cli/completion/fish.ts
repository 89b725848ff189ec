// SPDX-License-Identifier: MIT
import type { CommandDefinition, Completes, OptionDefinition } from '../definition.ts';
import { allOptions } from '../help.ts';
import type { CompletionModel } from './model.ts';

/** A completion script for fish 3. */
export function fishCompletion(model: CompletionModel): string {
  const groups = [...model.groups.keys()];
  return `# fish completion for sesame; made by: sesame completion fish

# The words of the command so far, without options and their values.
function __sesame_words
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if test "$word" = --
            break
        else if contains -- "$word" ${model.valueOptions.join(' ')}
            set skip 1
        else if not string match -q -- '-*' "$word"
            echo -- $word
        end
    end
end

# Whether the command line so far is this command, with this many arguments behind it (any number without a second argument).
function __sesame_at
    set -l words (__sesame_words)
    set -l wanted (string split ' ' -- $argv[1])
    set -l length (count $wanted)
    test (count $words) -ge $length; or return 1
    test "$words[1..$length]" = "$wanted"; or return 1
    test (count $argv) -lt 2; or test (count $words) -eq (math $length + $argv[2])
end

function __sesame_start
    test (count (__sesame_words)) -eq 0
end

# The value of --profile on the command line so far, as an option for another call.
function __sesame_profile
    set -l tokens (commandline -opc)
    for index in (seq (count $tokens))
        if contains -- $tokens[$index] -p --profile; and set -q tokens[(math $index + 1)]
            printf '%s\\n' -p $tokens[(math $index + 1)]
            return
        end
    end
end

complete -c sesame -f
${model.firstWords.map(([word, text]) => `complete -c sesame -n __sesame_start -a ${word} -d ${quoted(text)}`).join('\n')}
complete -c sesame -n __sesame_start -s V -l version -d 'show the version'
${groups.flatMap((group) => (model.groups.get(group) ?? []).map(([word, text]) => `complete -c sesame -n '__sesame_at ${group} 0' -a ${word} -d ${quoted(text)}`)).join('\n')}
${model.commands.flatMap(commandLines).join('\n')}
`;
}

function commandLines(command: CommandDefinition): string[] {
  const at = `__sesame_at "${command.name}"`;
  const options = allOptions(command).map((option) => optionLine(at, option));
  const values = command.arguments.flatMap((argument, index) => {
    const offered = offer(argument.choices, argument.completes);
    const place = argument.rest === true ? at : `${at} ${index}`;
    return offered === '' ? [] : [`complete -c sesame -n '${place}' ${offered}`];
  });
  return [...options, ...values];
}

function optionLine(at: string, option: OptionDefinition): string {
  const short = option.short === undefined ? '' : ` -s ${option.short}`;
  const exclusive = option.completes === 'file' ? '-r' : '-x';
  const value = option.value === undefined ? '' : ` ${exclusive} ${offer(option.choices, option.completes)}`.trimEnd();
  return `complete -c sesame -n '${at}'${short} -l ${option.long}${value} -d ${quoted(option.description)}`;
}

function offer(choices: readonly string[] | undefined, completes: Completes | undefined): string {
  if (choices !== undefined) return `-a '${choices.join(' ')}'`;
  switch (completes) {
    case 'profile':
      return "-a '(sesame profile list 2>/dev/null)'";
    case 'secret':
      return "-a '(sesame secret list (__sesame_profile) 2>/dev/null)'";
    case 'file':
      return '-F';
    case 'command':
      return "-a '(__fish_complete_subcommand)'";
    case undefined:
      return '';
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
