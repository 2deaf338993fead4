import { Resolver } from 'node:dns/promises'
import { type Command, InvalidArgumentError } from 'commander'
import type { CommandContext } from './context.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import { documentUrl, handleIn, isHandle, PLC_DIRECTORY, pageOf, WAIT_MS } from './identity.js'
import { type MessageOptions, Messages } from './messages.js'

/**
 * The two places where the owner of a domain says which account it is the handle of, and the one
 * where the owner of the account says so.
 */
export interface HandleSources {
  /** The TXT records of `_atproto.HANDLE`, each as one text. Rejects if there are none. */
  txt(handle: string): Promise<readonly string[]>
  /** The text of `https://HANDLE/.well-known/atproto-did`. Rejects for any answer but 200. */
  wellKnown(handle: string): Promise<string>
  /** The JSON of the document of a DID. Rejects for any answer but 200. */
  document(did: string): Promise<string>
}

// A DID has 2,048 characters at most.
const MOST_BYTES = 4096

/** DNS, HTTPS and the directory of `did:plc`. */
export const network = (directory = PLC_DIRECTORY): HandleSources => ({
  async txt(handle) {
    const resolver = new Resolver({ timeout: WAIT_MS, tries: 1 })
    const records = await resolver.resolveTxt(`_atproto.${handle}`)
    return records.map((parts) => parts.join(''))
  },
  wellKnown: (handle) =>
    pageOf(`https://${handle}/.well-known/atproto-did`, 'text/plain', MOST_BYTES),
  document: async (did) => pageOf(documentUrl(did, directory), 'application/json'),
})

/** A handle that names no account, or not one alone. */
export class HandleError extends Error {}

const DID = /^did:[a-z]+:[\w.:%-]*[\w.-]$/

/** Handles by their DIDs; all else, such as DIDs, as it is. Rejects with {@link HandleError}. */
export const didsOf = (
  names: readonly string[],
  sources: HandleSources = network(),
): Promise<readonly string[]> =>
  Promise.all(
    names.map((name) => {
      const handle = name.replace(/^@/, '').toLowerCase()
      return isHandle(handle) ? didOf(handle, sources) : name
    }),
  )

/** The DID of a handle, which must name the handle, too. */
async function didOf(handle: string, sources: HandleSources): Promise<string> {
  const did = await claimedBy(handle, sources)
  const named = await sources
    .document(did)
    .then((document) => handleIn(document, did))
    .catch((error: unknown) => {
      throw new HandleError(
        `the handle ${handle} names ${did}, whose document cannot be read ` +
          `(${reasonOf(error)}); --plc names another directory, and the DID itself needs none`,
      )
    })
  if (named === handle) return did
  const other = named === undefined ? 'no handle' : `the handle ${named}`
  throw new HandleError(
    `the handle ${handle} names ${did}, whose document names ${other}; ` +
      'if that account is meant, give its DID',
  )
}

/** Asks both at the same time; DNS comes first, as the specification has it. */
async function claimedBy(handle: string, { txt, wellKnown }: HandleSources): Promise<string> {
  const asked = [txt(handle).then(didOfRecords), wellKnown(handle).then(didOfText)]
  const answers = await Promise.allSettled(asked)
  const found = answers.find((answer) => answer.status === 'fulfilled')
  if (found !== undefined) return found.value
  const [dns, https] = answers.map((answer) =>
    answer.status === 'rejected' ? reasonOf(answer.reason) : '',
  )
  throw new HandleError(`the handle ${handle} has no DID (DNS: ${dns}; HTTPS: ${https})`)
}

function didOfRecords(records: readonly string[]): string {
  const dids = records.flatMap((record) => (record.startsWith('did=') ? [record.slice(4)] : []))
  const [did, other] = dids
  if (did === undefined) throw new Error('no record begins with did=')
  if (other !== undefined) throw new Error('several records begin with did=')
  return didOfText(did)
}

function didOfText(text: string): string {
  const did = text.trim()
  if (!DID.test(did)) throw new Error(`${JSON.stringify(did.slice(0, 40))} is no DID`)
  return did
}

/** The reason of `fetch` is in its cause. */
function reasonOf(error: unknown): string {
  const { code, cause, message } = error as NodeJS.ErrnoException & { cause?: unknown }
  const inner = cause as NodeJS.ErrnoException | undefined
  return code ?? inner?.code ?? inner?.message ?? message
}

/** The flag of every command that takes handles. */
export interface PlcOptions {
  readonly plc?: string
}

export const withPlc = (command: Command): Command =>
  command.option(
    '--plc <url>',
    'the directory of did:plc, which must name a handle that was typed (default: ATP_PLC_HOST, ' +
      `else ${PLC_DIRECTORY})`,
    parseDirectory,
  )

function parseDirectory(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text
  throw new InvalidArgumentError('Write a URL such as https://plc.directory.')
}

export const directoryOf = (
  { plc }: PlcOptions,
  { ATP_PLC_HOST }: CommandContext['environment'],
): string => plc ?? (ATP_PLC_HOST || PLC_DIRECTORY)

/** Runs a command with DIDs in place of the handles that were typed. */
export async function withDids<
  O extends MessageOptions & PlcOptions & { readonly dids?: readonly string[] | undefined },
>(
  options: O,
  { stderr, environment }: Pick<CommandContext, 'stderr' | 'environment'>,
  run: (options: O) => Promise<ExitCode>,
  sources = network(directoryOf(options, environment)),
): Promise<ExitCode> {
  const { dids: typed } = options
  if (typed === undefined) return run(options)
  const messages = new Messages(stderr, options, environment)
  try {
    const dids = await didsOf(typed, sources)
    for (const [index, did] of dids.entries())
      if (did !== typed[index]) messages.info(`${typed[index]} is ${did}`)
    return await run({ ...options, dids })
  } catch (error) {
    if (!(error instanceof HandleError)) throw error
    messages.error(`CONFIG: --dids: ${error.message}`)
    return EXIT.config
  }
}
