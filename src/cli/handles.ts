import { Resolver } from 'node:dns/promises'
import { VERSION } from '../index.js'
import type { CommandContext } from './context.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import { type MessageOptions, Messages } from './messages.js'

/** The two places where the owner of a domain says which account it is the handle of. */
export interface HandleSources {
  /** The TXT records of `_atproto.HANDLE`, each as one text. Rejects if there are none. */
  txt(handle: string): Promise<readonly string[]>
  /** The text of `https://HANDLE/.well-known/atproto-did`. Rejects for any answer but 200. */
  wellKnown(handle: string): Promise<string>
}

const WAIT_MS = 5000
// A DID has 2,048 characters at most.
const MOST_BYTES = 4096

/** DNS and HTTPS. */
export const network: HandleSources = {
  async txt(handle) {
    const resolver = new Resolver({ timeout: WAIT_MS, tries: 1 })
    const records = await resolver.resolveTxt(`_atproto.${handle}`)
    return records.map((parts) => parts.join(''))
  },
  async wellKnown(handle) {
    const response = await fetch(`https://${handle}/.well-known/atproto-did`, {
      headers: { accept: 'text/plain', 'user-agent': `rxjs-atproto/${VERSION}` },
      signal: AbortSignal.timeout(WAIT_MS),
    })
    if (response.status !== 200) throw new Error(`status ${response.status}`)
    return beginning(response.body)
  },
}

/** The server is whoever has the domain: it may send without an end. */
async function beginning(body: Response['body']): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    chunks.push(chunk)
    size += chunk.length
    if (size > MOST_BYTES)
      throw new Error(`a text of more than ${MOST_BYTES} bytes, which is no DID`)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** A handle that names no account, or not one alone. */
export class HandleError extends Error {}

// https://atproto.com/specs/handle
const HANDLE = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/i
const DID = /^did:[a-z]+:[\w.:%-]*[\w.-]$/

/** Handles by their DIDs; all else, such as DIDs, as it is. Rejects with {@link HandleError}. */
export const didsOf = (
  names: readonly string[],
  sources: HandleSources = network,
): Promise<readonly string[]> =>
  Promise.all(
    names.map((name) => {
      const handle = name.replace(/^@/, '').toLowerCase()
      return HANDLE.test(handle) && handle.length <= 253 ? didOf(handle, sources) : name
    }),
  )

/** Asks both at the same time; DNS comes first, as the specification has it. */
async function didOf(handle: string, { txt, wellKnown }: HandleSources): Promise<string> {
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

/** Runs a command with DIDs in place of the handles that were typed. */
export async function withDids<
  O extends MessageOptions & { readonly dids?: readonly string[] | undefined },
>(
  options: O,
  { stderr, environment }: Pick<CommandContext, 'stderr' | 'environment'>,
  run: (options: O) => Promise<ExitCode>,
  sources?: HandleSources,
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
