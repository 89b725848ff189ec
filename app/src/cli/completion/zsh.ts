// SPDX-License-Identifier: MIT
import type { CommandDefinition, Completes } from '../definition.ts';
import { allOptions } from '../help.ts';
import { type CompletionModel, spellings, takesValue } from './model.ts';

/** A completion script for zsh 5. */
export function zshCompletion(model: CompletionModel): string {
  return `#compdef sesame
# zsh completion for sesame; made by: sesame completion zsh

_sesame_described() {
  local -a described=("$@")
  _describe 'sesame' described
}

_sesame() {
  local word command='' profile='' position=0 i
  local current=$words[CURRENT] previous=$words[CURRENT-1]
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    case $word in
      (-p|--profile) profile=$words[++i] ;;
      (${model.valueOptions.filter((option) => option !== '-p' && option !== '--profile').join('|')}) ((i++)) ;;
      (--) break ;;
      (-*) ;;
      (*)
        case $command in
          ('') command=$word ;;
          (${[...model.groups.keys()].join('|')}) command="$command $word" ;;
          (*) ((position++)) ;;
        esac
        ;;
    esac
  done

  case "$command:$previous" in
${optionValueCases(model)}
  esac

  case $command in
    ('') _sesame_described ${described(model.firstWords)} ;;
${[...model.groups].map(([group, members]) => `    (${group}) _sesame_described ${described(members)} ;;`).join('\n')}
${model.commands.map(commandCase).join('\n')}
  esac
}

if [[ \${funcstack[1]} == _sesame ]]; then
  _sesame "$@"
elif (( \${+functions[compdef]} )); then
  compdef _sesame sesame
fi
`;
}

function optionValueCases(model: CompletionModel): string {
  const cases = model.commands.flatMap((command) =>
    command.options.filter(takesValue).map((option) => {
      const patterns = spellings(option).map((spelling) => `'${command.name}:${spelling}'`);
      return `    (${patterns.join('|')}) ${offer(option.choices, option.completes)}; return ;;`;
    }),
  );
  return [`    (':-p'|':--profile') ${offer(undefined, 'profile')}; return ;;`, ...cases].join('\n');
}

function commandCase(command: CommandDefinition): string {
  const options = allOptions(command).flatMap((option) =>
    spellings(option).map((spelling) => [spelling, option.description] as const),
  );
  const positions = command.arguments.map(
    (argument, index) => `        (${argument.rest === true ? '*' : index}) ${offer(argument.choices, argument.completes)} ;;`,
  );
  return `    ('${command.name}')
      if [[ $current == -* && $word != -- ]]; then
        _sesame_described ${described(options)}
        return
      fi
      case $position in
${positions.join('\n')}
        (*) ;;
      esac
      ;;`;
}

/** Words for _describe: `'word:what it does'`, with colons in the word escaped and quotes as a shell needs them. */
function described(words: readonly (readonly [string, string])[]): string {
  return words.map(([word, text]) => `'${`${word}:${text}`.replaceAll("'", "'\\''")}'`).join(' ');
}

function offer(choices: readonly string[] | undefined, completes: Completes | undefined): string {
  if (choices !== undefined) return `compadd -- ${choices.join(' ')}`;
  switch (completes) {
    case 'profile':
      return `compadd -- \${(f)"$(sesame profile list 2>/dev/null)"}`;
    case 'secret':
      return `compadd -- \${(f)"$(sesame secret list \${profile:+-p} \${profile:+"$profile"} 2>/dev/null)"}`;
    case 'file':
      return '_files';
    case 'command':
      return '_command_names -e';
    case undefined:
      return ':';
  }
}
