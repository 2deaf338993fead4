import { type Flag, flagsWith, type Level, placesOf } from './tree.js'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

const NAME = 'rxjs-atproto'
const FUNCTION = '_rxjs_atproto'

/** The script for a shell that completes the words of these levels. */
export const completionScript = (shell: Shell, levels: readonly Level[]): string =>
  ({ bash, zsh, fish })[shell](levels)

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

// Each script walks over the words before the cursor, to find the command that they name.

// Bash 3, which macOS has, lacks it.
const NO_FILES = 'compopt +o default 2> /dev/null; '

const bash = (levels: readonly Level[]): string => `${FUNCTION}() {
  local at= word words= cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at/$word" in
      ${placesOf(levels).join(' | ')}) at="$at/$word" ;;
    esac
  done
  case "$prev" in
    ${flagsWith(levels, 'file').join(' | ')}) COMPREPLY=(); return ;;
    ${flagsWith(levels, 'text').join(' | ')})
      ${NO_FILES}COMPREPLY=(); return ;;
  esac
  case "$at" in
${levels.map(bashLevel).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F ${FUNCTION} ${NAME}`

const bashLevel = ({ at, words, options, takesFile }: Level): string => {
  const all = [...words.map(({ text }) => text), ...options.map(({ long }) => long)]
  const files = takesFile ? '' : NO_FILES
  return `    ${quoted(at)}) ${files}words=${quoted(all.join(' '))} ;;`
}

const zsh = (levels: readonly Level[]): string => `#compdef ${NAME}
${FUNCTION}() {
  local at= word
  local -a entries
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at/$word" in
      (${placesOf(levels).join('|')}) at="$at/$word" ;;
    esac
  done
  case "$words[CURRENT-1]" in
    (${flagsWith(levels, 'file').join('|')}) _files; return ;;
    (${flagsWith(levels, 'text').join('|')}) return ;;
  esac
  case "$at" in
${levels.map(zshLevel).join('\n')}
  esac
  _describe ${NAME} entries
}
# Loaded from a folder of \`fpath\`, this file is the function that is called.
if [[ "$funcstack[1]" = _${NAME} ]]; then ${FUNCTION} "$@"; else compdef ${FUNCTION} ${NAME}; fi`

const zshLevel = ({ at, words, options, takesFile }: Level): string => {
  const entries = [
    ...words.map(({ text, help }) => zshEntry(text, help)),
    ...options.map(({ long, help }) => zshEntry(long, help)),
  ]
  const files = takesFile ? '\n      _files' : ''
  return `    (${quoted(at)})${files}\n      entries=(\n${entries.join('\n')}\n      ) ;;`
}

const zshEntry = (text: string, help: string): string =>
  `        ${quoted(`${text.replaceAll(':', '\\:')}:${help}`)}`

const fish = (levels: readonly Level[]): string => `function __${FUNCTION}_at
  set -l at ''
  for word in (commandline -opc)[2..]
    switch "$at/$word"
      case ${placesOf(levels).join(' ')}
        set at "$at/$word"
    end
  end
  test "$at" = "$argv[1]"
end
${levels.flatMap(fishLevel).join('\n')}`

function fishLevel({ at, words, options, takesFile }: Level): readonly string[] {
  const start = `complete -c ${NAME} -n ${fishQuoted(`__${FUNCTION}_at "${at}"`)}`
  const help = (text: string) => `-d ${fishQuoted(text)}`
  return [
    ...(takesFile ? [] : [`${start} -f`]),
    ...words.map((word) => `${start} -a ${word.text} ${help(word.help)}`),
    ...options.map(({ long, value, help: text }) =>
      [start, `-l ${long.slice(2)}`, FISH_VALUE[value], help(text)].filter(Boolean).join(' '),
    ),
  ]
}

const FISH_VALUE: Readonly<Record<Flag['value'], string>> = { none: '', text: '-x', file: '-rF' }

const fishQuoted = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
