import { type Argument, type Command, Help, type Option } from 'commander'

/** What can be typed at a place of the command line. */
export interface Level {
  /** The commands before it: `''`, `/cursor`, `/cursor/show`. */
  readonly at: string
  /** Commands, and words that an argument can be. */
  readonly words: readonly Word[]
  readonly options: readonly Flag[]
  /** Whether a file may come. */
  readonly takesFile: boolean
}

export interface Word {
  readonly text: string
  readonly help: string
}

export interface Flag {
  /** With its dashes. */
  readonly long: string
  readonly help: string
  readonly value: 'none' | 'text' | 'file'
}

/** All levels of a program, its own first. */
export const levelsOf = (program: Command): readonly Level[] => levels(program, '', [])

function levels(command: Command, at: string, inherited: readonly Flag[]): readonly Level[] {
  const help = new Help()
  const commands = help.visibleCommands(command)
  const own = help.visibleOptions(command).flatMap(flagOf)
  const isNew = ({ long }: Flag) => !own.some((flag) => flag.long === long)
  const all = [...own, ...inherited.filter(isNew)]
  const { registeredArguments } = command
  return [
    {
      at,
      words: [
        ...commands.map((one) => ({ text: one.name(), help: help.subcommandDescription(one) })),
        ...registeredArguments.flatMap(choicesOf),
      ],
      options: all,
      takesFile: registeredArguments.some((argument) => isFile(argument.name())),
    },
    // The flags of a program itself are for its own help; those of a command hold below it.
    ...commands
      .filter((one) => command.commands.includes(one))
      .flatMap((one) => levels(one, `${at}/${one.name()}`, at === '' ? [] : all)),
  ]
}

const choicesOf = (argument: Argument): readonly Word[] =>
  (argument.argChoices ?? []).map((text) => ({ text, help: argument.description }))

function flagOf({ long, description, required, optional, flags }: Option): readonly Flag[] {
  if (!long) return []
  const [, name = ''] = /[<[](.+?)[>\]]/.exec(flags) ?? []
  const value = required || optional ? (isFile(name) ? 'file' : 'text') : 'none'
  return [{ long, help: description, value }]
}

const isFile = (name: string): boolean => /^(file|path)$/.test(name)

/** The flags of all levels with this kind of value. */
export const flagsWith = (all: readonly Level[], value: Flag['value']): readonly string[] => [
  ...new Set(
    all.flatMap(({ options }) =>
      options.filter((option) => option.value === value).map(({ long }) => long),
    ),
  ),
]

/** The levels below the program, as the shell walks to them word by word. */
export const placesOf = (all: readonly Level[]): readonly string[] =>
  all.map(({ at }) => at).filter((at) => at !== '')
