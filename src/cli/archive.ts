import type { Command } from 'commander'
import {
  type ArchiveConfig,
  type ArchiveCost,
  archiveCost,
  type JetstreamConfig,
} from '../index.js'
import type { CommandContext } from './context.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import { failureOf } from './failure.js'
import { type MessageOptions, Messages } from './messages.js'
import { count, counted } from './text.js'

/** The flags of a command that reads an archive. */
export interface ArchiveOptions {
  readonly archive?: boolean
  readonly dryRun?: boolean
}

export const ARCHIVE_HELP = `
--archive takes an API key from JETSTREAM_API_KEY, if the archive asks for one.`

export const withArchive = (command: Command): Command =>
  command
    .option(
      '--archive',
      'read what the socket does not hold any more from the archive of the one --host; with ' +
        '--cursor oldest all of it',
    )
    .option(
      '--dry-run',
      'with --archive and --cursor: print what that would download, and read nothing',
    )

// Never from a flag: every user of a machine can read the arguments of a process.
const keyOf = ({ environment }: CommandContext): string | undefined =>
  environment.JETSTREAM_API_KEY || undefined

export const archiveOf = (
  { archive }: ArchiveOptions,
  context: CommandContext,
): Pick<JetstreamConfig, 'archive'> => (archive ? { archive: { apiKey: keyOf(context) } } : {})

interface DryRunOptions
  extends ArchiveOptions,
    MessageOptions,
    Pick<JetstreamConfig, 'cursor' | 'collections' | 'dids' | 'kinds'> {
  readonly host?: readonly string[]
  readonly retries?: number
}

/** `--dry-run`. */
export async function printCost(
  options: DryRunOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const messages = new Messages(context.stderr, options, context.environment)
  const config = configOf(options, context)
  if (config === undefined) {
    messages.error('--dry-run needs --archive, one --host, and a --cursor that is not live')
    return EXIT.usage
  }
  try {
    const cost = await archiveCost(config)
    process.stdout.write(`${JSON.stringify(cost)}\n`)
    messages.info(costText(cost))
    return EXIT.done
  } catch (error) {
    const failure = failureOf(error, false)
    for (const line of failure.messages) messages.error(line)
    return failure.exitCode
  }
}

function configOf(
  { host = [], cursor, archive, collections, dids, kinds, retries }: DryRunOptions,
  context: CommandContext,
): ArchiveConfig | undefined {
  const [only] = host
  if (!archive || only === undefined || host.length > 1) return undefined
  if (cursor === undefined || cursor === 'live') return undefined
  const asked = { host: only, cursor, collections, dids, kinds, apiKey: keyOf(context) }
  return retries === undefined ? asked : { ...asked, reconnect: { maxAttempts: retries } }
}

/** `about 12.4 MiB: 3 segments, 2 of them whole, …`. */
function costText({ bytes, segments, wholeSegments, blocks, from, tip }: ArchiveCost): string {
  const mib = (bytes / 2 ** 20).toFixed(1)
  return (
    `about ${mib} MiB: ${counted(segments, 'segment')}, ${count(wholeSegments)} of them whole, ` +
    `and ${counted(blocks, 'block')} of the others; positions ${count(from)} to ${count(tip)}`
  )
}
