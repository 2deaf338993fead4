import type { Command } from 'commander'
import type { CommandContext } from '../context.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { renderMarkdown, type TextStyle } from '../markdown.js'
import { Messages } from '../messages.js'
import { explanations, meaningOf } from '../pages.js'
import { print, stdoutStyle } from '../print.js'
import { cutTo, widthOf } from '../width.js'

interface ExplainOptions {
  readonly color: boolean
}

const HELP = `
Without a code it lists all of them, each with a line.

Examples:
  $ rxjs-atproto explain CURSOR_STORE
  $ rxjs-atproto explain connect_timeout

Exit codes:
  0    done
  2    usage, or no such code`

/** `rxjs-atproto explain CODE`: what an error means, and what to do. */
export function addExplain(program: Command, context: CommandContext): void {
  program
    .command('explain')
    .summary('say what an error means, and what to do')
    .description('Says what the code of an error means, and what to do about it.')
    .argument('[code]', 'the word before the colon of a message, such as CONNECT')
    .option('--no-color', 'no colours, as with NO_COLOR')
    .addHelpText('after', HELP)
    .action(async (code: string | undefined, options: ExplainOptions) =>
      context.exit(await explain(code, options, context)),
    )
}

async function explain(
  asked: string | undefined,
  options: ExplainOptions,
  { stderr, environment }: CommandContext,
): Promise<ExitCode> {
  const known = explanations()
  if (asked === undefined) return print(listOf(known, stdoutStyle(options, environment)))
  const code = asked.trim().replace(/:$/, '').toUpperCase()
  const text = known.get(code)
  if (text === undefined) {
    const messages = new Messages(stderr, options, environment)
    messages.error(`there is no code ${asked}. These are known:`)
    for (const name of known.keys()) messages.info(`  ${name}`)
    return EXIT.usage
  }
  const style = stdoutStyle(options, environment)
  return print(renderMarkdown(`**${code}**\n\n${text}`, style))
}

/** The codes, and what each means, cut to the width. */
function listOf(known: ReadonlyMap<string, string>, { columns }: TextStyle): string {
  const width = Math.max(...[...known.keys()].map((code) => code.length)) + 2
  const lines = [...known].map(([code, text]) => `${code.padEnd(width)}${meaningOf(text)}`)
  return lines
    .map((line) => (widthOf(line) > columns ? `${cutTo(line, columns - 1)}…` : line))
    .join('\n')
}
