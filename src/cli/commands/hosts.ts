import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CommandContext } from '../context.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { failureOf } from '../failure.js'
import { type HostReport, hostTable, remarks, survey } from '../hosts/survey.js'
import { wrapText } from '../markdown.js'
import { type MessageOptions, Messages } from '../messages.js'
import { parseDelay } from '../parse.js'
import { print, stdoutStyle } from '../print.js'
import { PUBLIC_HOSTS } from '../public-hosts.js'
import { counted, duration, plain } from '../text.js'

interface HostsOptions extends MessageOptions {
  /** In milliseconds. */
  readonly for: number
  readonly json?: boolean
}

const HELP = `
Handshake: from DNS to the answer. Lag: how old the first events are, by the
clock of this machine. A host that lacks a collection that others send often is
named below the table.

Examples:
  $ rxjs-atproto hosts
  $ rxjs-atproto hosts jetstream.us-east.bsky.network localhost:6008 --for 20s
  $ rxjs-atproto hosts --json | jq .perSecond

Exit codes:
  0    one of the hosts sent events
  2    usage
  3    no such host
  4    no host can be reached
  5    hosts can be reached, but sent no events`

/** `rxjs-atproto hosts`: which Jetstream is near, fast and whole. */
export function addHosts(program: Command, context: CommandContext): void {
  program
    .command('hosts')
    .summary('compare Jetstreams: latency, lag, events a second')
    .description('Listens to several Jetstreams at the same time, and compares them.')
    .argument('[host...]', 'host names or URLs (default: the public instances)')
    .addOption(
      new Option('--for <duration>', 'listen for this time')
        .argParser(parseTime)
        .default(5000, '5s'),
    )
    .option('--json', 'one object of JSON for each host, a line each')
    .option('--no-color', 'no colours, as with NO_COLOR')
    .addHelpText('after', HELP)
    .action(async (hosts: readonly string[], options: HostsOptions) =>
      context.exit(await compare(hosts.length > 0 ? hosts : PUBLIC_HOSTS, options, context)),
    )
}

function parseTime(text: string): number {
  const ms = parseDelay(text)
  if (ms === 0) throw new InvalidArgumentError('Write a duration above 0.')
  return ms
}

async function compare(
  hosts: readonly string[],
  options: HostsOptions,
  { stderr, environment }: CommandContext,
): Promise<ExitCode> {
  const messages = new Messages(stderr, options, environment)
  try {
    const surveys = hosts.map((host) => survey(host, options.for))
    if (messages.isTerminal)
      messages.region.draw([
        `listening to ${counted(hosts.length, 'host')} for ${duration(options.for)}`,
      ])
    const reports = await Promise.all(surveys)
    messages.region.clear()
    await (options.json ? printJson(reports) : printTable(reports, options, environment))
    return exitCodeOf(reports)
  } catch (error) {
    const { exitCode, messages: texts } = failureOf(error, false, messages)
    for (const text of texts) messages.error(text.replace('--host', 'the host'))
    return exitCode
  }
}

async function printTable(
  reports: readonly HostReport[],
  options: HostsOptions,
  environment: CommandContext['environment'],
): Promise<void> {
  const { columns } = stdoutStyle(options, environment)
  const lines = remarks(reports).flatMap((remark) => wrapText(plain(remark), columns, '  '))
  await print([...hostTable(reports, columns).map(plain), ...lines].join('\n'))
}

async function printJson(reports: readonly HostReport[]): Promise<void> {
  for (const report of reports)
    await print(JSON.stringify({ ...report, byName: Object.fromEntries(report.byName) }))
}

const exitCodeOf = (reports: readonly HostReport[]): ExitCode => {
  if (reports.some(({ perSecond }) => Number(perSecond) > 0)) return EXIT.done
  return reports.some(({ wires }) => wires.length > 0) ? EXIT.ended : EXIT.neverConnected
}
