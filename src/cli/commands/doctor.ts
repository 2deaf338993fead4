import type { Command } from 'commander'
import type { CommandContext } from '../context.js'
import { type Examination, examine, type Verdict } from '../doctor/examine.js'
import { type Finding, findingLines } from '../doctor/finding.js'
import { checkCursorFile, checkRedis } from '../doctor/machine-checks.js'
import { offlineReason } from '../doctor/offline.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { failureOf } from '../failure.js'
import { type MessageOptions, Messages } from '../messages.js'
import { once, parseName } from '../parse.js'
import { print, stdoutStyle } from '../print.js'
import { PUBLIC_HOSTS } from '../public-hosts.js'
import { plain } from '../text.js'

interface DoctorOptions extends MessageOptions {
  readonly redis?: string
  readonly cursorFile?: string
}

const HELP = `
Takes at most ten seconds. A line begins with ✓ or ✗, and – where there is
nothing to check.

Examples:
  $ rxjs-atproto doctor
  $ rxjs-atproto doctor localhost:6008
  $ rxjs-atproto doctor --redis redis://localhost:6379 \\
      --cursor-file ./cursor.json

Exit codes:
  0    a stream would work, from one of the hosts at least; a host that is open
       and quiet is no fault
  2    usage
  3    no such host, or Redis or the cursor file cannot be used
  4    no host can be reached
  5    hosts can be reached, but a public one sends no events`

/** `rxjs-atproto doctor`: why nothing arrives. */
export function addDoctor(program: Command, context: CommandContext): void {
  program
    .command('doctor')
    .summary('say why nothing arrives from a Jetstream')
    .description('Tries all that a stream from a Jetstream needs, and says what to do.')
    .argument('[host...]', 'host names or URLs (default: the public instances)')
    .option('--redis <url>', 'try this Redis, too', once)
    .option('--cursor-file <path>', 'look at this cursor file, too', parseName)
    .option('--no-color', 'no colours, as with NO_COLOR')
    .addHelpText('after', HELP)
    .action(async (hosts: readonly string[], options: DoctorOptions) =>
      context.exit(await doctor(hosts.length > 0 ? hosts : PUBLIC_HOSTS, options, context)),
    )
}

async function doctor(
  hosts: readonly string[],
  options: DoctorOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { stderr, environment } = context
  const examinations = startAll(hosts, environment)
  if ('messages' in examinations) {
    const messages = new Messages(stderr, options, environment)
    for (const text of examinations.messages) messages.error(text.replace('--host', 'the host'))
    return examinations.exitCode
  }
  const machine = machineChecks(options)
  const style = stdoutStyle(options, environment)
  const show = async (heading: string, findings: readonly Promise<Finding>[]) => {
    await print(plain(heading))
    for (const finding of findings) await print(findingLines(await finding, style).join('\n'))
  }
  for (const { host, findings } of examinations) await show(host, findings)
  if (machine.length > 0) await show('this machine', machine)
  const verdicts = await Promise.all(examinations.map(({ verdict }) => verdict))
  const found = await Promise.all(examinations.flatMap(({ findings }) => findings))
  const [text, exitCode] = conclusionOf(verdicts, await Promise.all(machine), offlineReason(found))
  await print(text)
  return exitCode
}

/** Starts with all hosts at once, or returns why one is none. */
function startAll(
  hosts: readonly string[],
  environment: CommandContext['environment'],
): readonly Examination[] | ReturnType<typeof failureOf> {
  try {
    return hosts.map((host) => examine(host, environment))
  } catch (error) {
    return failureOf(error, false)
  }
}

const machineChecks = ({ redis, cursorFile }: DoctorOptions): readonly Promise<Finding>[] => [
  ...(redis === undefined ? [] : [checkRedis(redis)]),
  ...(cursorFile === undefined ? [] : [checkCursorFile(cursorFile)]),
]

/** The last line, and the exit code. `offline`: why this machine seems to have no network. */
export function conclusionOf(
  verdicts: readonly Verdict[],
  machine: readonly Finding[],
  offline?: string,
): readonly [text: string, exitCode: ExitCode] {
  const broken = machine.filter(({ state }) => state === 'wrong').map(({ name }) => name)
  const isQuiet = !verdicts.includes('works') && verdicts.includes('quiet')
  if (!isQuiet && !verdicts.includes('works'))
    return verdicts.includes('silent')
      ? ['A stream would connect, and receive nothing.', EXIT.ended]
      : [
          offline === undefined
            ? 'A stream would not connect.'
            : `A stream would not connect. This machine seems to have no network: ${offline}.`,
          EXIT.neverConnected,
        ]
  if (broken.length > 0)
    return [`A stream would work, but not with this ${broken.join(' and ')}.`, EXIT.config]
  return [
    isQuiet
      ? 'A stream would connect, and wait: nothing new came meanwhile.'
      : 'A stream would work.',
    EXIT.done,
  ]
}
