import type { Command } from 'commander'
import { type TapAdmin, tapAdmin } from '../../index.js'
import { adminPassword, PASSWORD_HELP, type PasswordOptions } from '../admin-password.js'
import type { CommandContext } from '../context.js'
import { EXIT, EXIT_CODES_HELP, type ExitCode } from '../exit-codes.js'
import { failureOf } from '../failure.js'
import { didsOf, directoryOf, HandleError, network, type PlcOptions, withPlc } from '../handles.js'
import { type MessageOptions, Messages } from '../messages.js'
import { LineWriter, stdout } from '../output.js'
import { count } from '../text.js'

interface ReposOptions extends PasswordOptions, MessageOptions, PlcOptions {
  readonly host?: string
}

const HELP = `
The options --host and --password-file of \`tap\` work here too (default host:
localhost:2480).

Examples:
  $ rxjs-atproto tap repos add \\
      --host localhost:2480 did:plc:ewvi7nxzyoun6zhxrhs64oiz
${PASSWORD_HELP}
${EXIT_CODES_HELP}`

/** Does the work; returns a message for the user, if any. */
type Task = (admin: TapAdmin, dids: readonly string[]) => Promise<string | undefined>

/** `rxjs-atproto tap repos add|remove|info`: what a Tap tracks. */
export function addTapRepos(tap: Command, context: CommandContext): void {
  const repos = tap
    .command('repos')
    .summary('tell a Tap what to track')
    .description('Tells a Tap which repositories to track.')
  const add = (name: string, description: string, task: Task) =>
    withPlc(repos.command(name))
      .description(description)
      .argument('<did...>', 'repositories, by DID or handle')
      .addHelpText('after', HELP)
      // The server's flags belong to `tap`, and may follow its name or this command.
      .action(async (dids: readonly string[], _: object, command: Command) => {
        context.exit(await perform(task, dids, command.optsWithGlobals(), context))
      })

  add(
    'add',
    'Tracks repositories: each is backfilled, then followed live.',
    async (admin, dids) => {
      await admin.addRepos(dids)
      return `${count(dids.length)} added`
    },
  )
  add(
    'remove',
    'Stops tracking repositories. Buffered events still arrive.',
    async (admin, dids) => {
      await admin.removeRepos(dids)
      return `${count(dids.length)} removed`
    },
  )
  add(
    'info',
    'Writes the state of each repository as a line of JSON; null if it is not tracked.',
    info,
  )
}

const info: Task = async (admin, dids) => {
  const sink = new LineWriter(stdout())
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
    const message = await task(
      tapAdmin({ host: options.host, adminPassword: adminPassword(options, context) }),
      await didsOf(dids, network(directoryOf(options, context.environment))),
    )
    if (message !== undefined) messages.info(message)
    return EXIT.done
  } catch (error) {
    if (error instanceof HandleError) {
      messages.error(`CONFIG: ${error.message}`)
      return EXIT.config
    }
    const failure = failureOf(error, false, messages)
    for (const text of failure.messages) messages.error(text.replace('--dids', 'the argument'))
    return failure.exitCode
  }
}
