// SPDX-License-Identifier: MIT
import type { CommandDefinition, Completes } from '../definition.ts';
import { type CompletionModel, optionWords, spellings, takesValue } from './model.ts';

/** A completion script for bash 4.4 or newer; it needs no other package. */
export function bashCompletion(model: CompletionModel): string {
  return `# bash completion for sesame; made by: sesame completion bash

# Names come out of a vault: they are compared and quoted, never expanded, which compgen -W would do.
_sesame_offer() {
  local name
  while IFS= read -r name; do
    [[ $name == "$current"* ]] && COMPREPLY+=("$(printf '%q' "$name")")
  done
}

_sesame() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local word command='' profile='' position=0 i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      -p | --profile) profile=\${COMP_WORDS[++i]} ;;
      ${model.valueOptions.filter((option) => option !== '-p' && option !== '--profile').join(' | ')}) i=$((i + 1)) ;;
      --) break ;;
      -*) ;;
      *)
        case $command in
          '') command=$word ;;
          ${[...model.groups.keys()].join(' | ')}) command="$command $word" ;;
          *) position=$((position + 1)) ;;
        esac
        ;;
    esac
  done

  case "$command:$previous" in
${optionValueCases(model)}
  esac

  case $command in
    '') _sesame_offer < <(printf '%s\\n' ${model.firstWords.map(([word]) => word).join(' ')} --help --version) ;;
${[...model.groups].map(groupCase).join('\n')}
${model.commands.map(commandCase).join('\n')}
  esac
}

complete -F _sesame sesame
`;
}

function optionValueCases(model: CompletionModel): string {
  const cases = model.commands.flatMap((command) =>
    command.options.filter(takesValue).map((option) => {
      const patterns = spellings(option).map((spelling) => `'${command.name}:${spelling}'`);
      return `    ${patterns.join(' | ')}) ${offer(option.choices, option.completes)}; return ;;`;
    }),
  );
  return [`    ':-p' | ':--profile') ${offer(undefined, 'profile')}; return ;;`, ...cases].join('\n');
}

function groupCase([group, members]: readonly [string, readonly (readonly [string, string])[]]): string {
  return `    ${group}) _sesame_offer < <(printf '%s\\n' ${members.map(([word]) => word).join(' ')}) ;;`;
}

function commandCase(command: CommandDefinition): string {
  const positions = command.arguments.map(
    (argument, index) => `        ${argument.rest === true ? '*' : index}) ${offer(argument.choices, argument.completes)} ;;`,
  );
  const noPosition = positions.length === 0 ? '        *) ;;' : positions.join('\n');
  return `    '${command.name}')
      if [[ $current == -* && $word != -- ]]; then
        _sesame_offer < <(printf '%s\\n' ${optionWords(command).join(' ')})
        return
      fi
      case $position in
${noPosition}
      esac
      ;;`;
}

function offer(choices: readonly string[] | undefined, completes: Completes | undefined): string {
  if (choices !== undefined) return `_sesame_offer < <(printf '%s\\n' ${choices.join(' ')})`;
  switch (completes) {
    case 'profile':
      return '_sesame_offer < <(sesame profile list 2>/dev/null)';
    case 'secret':
      return `_sesame_offer < <(sesame secret list \${profile:+-p "$profile"} 2>/dev/null)`;
    case 'file':
      return 'compopt -o default';
    case 'command':
      return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -c -- "$current"; compgen -f -- "$current")';
    case undefined:
      return ':';
  }
}
