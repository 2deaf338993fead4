import { Command, CommanderError } from 'commander'
import { VERSION } from '../index.js'
import { addCompletion } from './commands/completion.js'
import { addCursor } from './commands/cursor.js'
import { addDemo } from './commands/demo.js'
import { addDoctor } from './commands/doctor.js'
import { addExplain } from './commands/explain.js'
import { addFirehose } from './commands/firehose.js'
import { addHosts } from './commands/hosts.js'
import { addIngest } from './commands/ingest.js'
import { addJetstream } from './commands/jetstream.js'
import { addLabels } from './commands/labels.js'
import { addRecord } from './commands/record.js'
import { addReplay } from './commands/replay.js'
import { addRepos } from './commands/repos.js'
import { addTap } from './commands/tap.js'
import type { CommandContext } from './context.js'
import { EXIT, EXIT_CODES_HELP, type ExitCode } from './exit-codes.js'

const HELP = `
Examples:
  $ rxjs-atproto jetstream --collections app.bsky.feed.post --kinds commit \\
      --limit 10 | jq '.commit.record.text // empty'
  $ rxjs-atproto jetstream --cursor-file ./cursor.json --for 1h > events.ndjson
  $ rxjs-atproto tap --host localhost:2480 --limit 10
  $ rxjs-atproto firehose --cursor oldest --cursor-file ./cursor.json \\
      > events.ndjson
  $ rxjs-atproto labels --host mod.bsky.app --limit 10
  $ rxjs-atproto repos --host localhost:2583 > repos.ndjson
  $ INGESTER_MODE=firehose rxjs-atproto ingest
  $ rxjs-atproto record posts.ndjson.gz --for 1m
  $ rxjs-atproto replay posts.ndjson.gz --speed 10
  $ rxjs-atproto demo
  $ rxjs-atproto doctor
  $ rxjs-atproto hosts --for 10s
  $ rxjs-atproto explain CONNECT
  $ rxjs-atproto help jetstream
${EXIT_CODES_HELP}`

/** Each function adds one command, in the order of the help. */
const COMMANDS: readonly ((program: Command, context: CommandContext) => void)[] = [
  addJetstream,
  addTap,
  addFirehose,
  addLabels,
  addRepos,
  addIngest,
  addRecord,
  addReplay,
  addDemo,
  addDoctor,
  addHosts,
  addCursor,
  addExplain,
  addCompletion,
]

/** Runs the command line and returns the exit code. */
export async function runProgram(
  argv: readonly string[],
  io: Omit<CommandContext, 'exit' | 'typed'>,
): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.done
  const program = newProgram()
  for (const add of COMMANDS)
    add(program, { ...io, typed: argv.slice(2), exit: (code) => (exitCode = code) })
  try {
    await program.parseAsync(withKnownHelp(program, argv))
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return usageExit(error)
    throw error
  }
}

const newProgram = (): Command =>
  new Command('rxjs-atproto')
    .description('AT Protocol event streams in a terminal.')
    .version(VERSION, '-V, --version')
    .showHelpAfterError('(--help shows the commands and options)')
    .configureOutput({ outputError: (text, write) => write(withHint(text)) })
    .addHelpText('after', HELP)
    .exitOverride()

/** `help jetstrem` as `jetstrem`: commander then suggests the name that was meant. */
function withKnownHelp(program: Command, argv: readonly string[]): readonly string[] {
  const [node = '', script = '', first, name, ...rest] = argv
  const isKnown = ['help', ...program.commands.map((command) => command.name())].includes(
    name ?? '',
  )
  return first !== 'help' || name === undefined || isKnown ? argv : [node, script, name, ...rest]
}

/** Two hosts after one flag are a common mistake. */
const withHint = (error: string): string =>
  error.startsWith('error: too many arguments')
    ? error.replace(/\n?$/, '\n(several values of a flag: --host a,b or --host a --host b)\n')
    : error

/**
 * `--help` and `--version` are not mistakes. Without a command the help is printed too, and that is
 * a mistake.
 */
const usageExit = ({ code, exitCode }: CommanderError): ExitCode =>
  exitCode === 0 && code !== 'commander.error' ? EXIT.done : EXIT.usage
