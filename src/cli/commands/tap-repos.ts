import type { Command } from 'commander'
import { type TapAdmin, tapAdmin } from '../../index.js'
import { adminPassword, PASSWORD_HELP, type PasswordOptions } from '../admin-password.js'
import type { CommandContext } from '../context.js'
import { EXIT, EXIT_CODES_HELP, type ExitCode } from '../exit-codes.js'
import { failureOf } from '../failure.js'
import { type MessageOptions, Messages } from '../messages.js'
import { NdjsonSink, stdout } from '../output.js'
import { count } from '../text.js'

interface ReposOptions extends PasswordOptions, MessageOptions {
  readonly host?: string
}

const HELP = `
The options --host and --password-file of \`tap\` may stand here too (default host: localhost:2480).

Examples:
  $ rxjs-atproto tap repos add --host localhost:2480 did:plc:ewvi7nxzyoun6zhxrhs64oiz
${PASSWORD_HELP}
${EXIT_CODES_HELP}`

/** Does the work; answers what to say about it, if anything. */
type Task = (admin: TapAdmin, dids: readonly string[]) => Promise<string | undefined>

/** `rxjs-atproto tap repos add|remove|info`: what a Tap tracks. */
export function addTapRepos(tap: Command, context: CommandContext): void {
  const repos = tap
    .command('repos')
    .summary('tell a Tap what to track')
    .description('Tells a Tap which repositories to track.')
  const add = (name: string, description: string, task: Task) =>
    repos
      .command(name)
      .description(description)
      .argument('<did...>', 'repositories')
      .addHelpText('after', HELP)
      // The server's flags belong to `tap`, and may stand behind its name or here.
      .action(async (dids: readonly string[], _: object, command: Command) => {
        context.exit(await perform(task, dids, command.optsWithGlobals(), context))
      })

  add('add', 'Tracks repositories: each is backfilled, then followed.', async (admin, dids) => {
    await admin.addRepos(dids)
    return `${count(dids.length)} added`
  })
  add(
    'remove',
    'Tracks repositories no longer. What is buffered still comes.',
    async (admin, dids) => {
      await admin.removeRepos(dids)
      return `${count(dids.length)} removed`
    },
  )
  add(
    'info',
    'Writes what the server knows of each, one JSON object a line; null for one that is not tracked.',
    info,
  )
}

const info: Task = async (admin, dids) => {
  const sink = new NdjsonSink(stdout())
  for (const did of dids) await sink.write(JSON.stringify((await admin.repoInfo(did)) ?? null))
  return undefined
}

async function perform(
  task: Task,
  dids: readonly string[],
  options: ReposOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const messages = new Messages(context.stderr, options, context.environment)
  try {
    const said = await task(
      tapAdmin({ host: options.host, adminPassword: adminPassword(options, context) }),
      dids,
    )
    if (said !== undefined) messages.info(said)
    return EXIT.done
  } catch (error) {
    const failure = failureOf(error, false)
    for (const message of failure.messages)
      messages.error(message.replace('--dids', 'the argument'))
    return failure.exitCode
  }
}
