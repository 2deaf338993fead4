import type { JetstreamEvent, TapEvent } from '../../index.js'
import { plain } from '../text.js'

/** How a terminal shows a line. */
export interface LineStyle {
  /** The line is cut here. */
  readonly columns: number
  /** Whether escape sequences are supported, and wanted. */
  readonly ansi: boolean
}

/** What is shown of an event, from left to right. */
interface Summary {
  /** The operation of a commit, or the kind of event. */
  readonly what: string
  readonly collection: string
  readonly did: string
  readonly text: string
}

const WHAT_WIDTH = 8
const COLLECTION_WIDTH = 26
const DID_WIDTH = 32
const DIM = 2
const CYAN = 36

/** One line for an event of a Jetstream: time, operation, collection, repository, text. */
export const jetstreamLine = (event: JetstreamEvent, style: LineStyle): string =>
  lineOf(clock(event.time_us / 1000), summaryOfEvent(event), style)

/** One line for an event of a Tap. Its events have no time; this is when it arrived. */
export const tapLine = (event: TapEvent, style: LineStyle): string =>
  lineOf(clock(Date.now()), summaryOfTap(event), style)

function summaryOfEvent(event: JetstreamEvent): Summary {
  const { did, kind } = event
  if (kind === 'commit') {
    const { operation, collection, rkey, record } = event.commit
    return { what: operation, collection, did, text: textOf(record) ?? rkey }
  }
  return { what: kind, collection: '', did, text: detailsOf(event) }
}

function summaryOfTap(event: TapEvent): Summary {
  const { did } = event
  if (event.type === 'record') {
    const { action, collection, rkey } = event
    const text = 'record' in event ? textOf(event.record) : undefined
    return { what: action, collection, did, text: text ?? rkey }
  }
  const state = event.isActive ? '' : ` ${event.status}`
  return { what: event.type, collection: '', did, text: `${event.handle}${state}` }
}

/** The handle of an identity; what became of an account. */
function detailsOf(event: Exclude<JetstreamEvent, { readonly kind: 'commit' }>): string {
  if (event.kind === 'identity') return event.identity.handle ?? ''
  if (event.kind !== 'account') return ''
  return event.account.active ? 'active' : (event.account.status ?? 'inactive')
}

/** The first of these members that is a text, or names another record. */
const TEXTS = ['text', 'displayName', 'name', 'description', 'subject', 'list'] as const

function textOf(record: unknown): string | undefined {
  if (typeof record !== 'object' || record === null) return undefined
  const members = record as Readonly<Record<string, unknown>>
  for (const name of TEXTS) {
    const member = members[name]
    if (typeof member === 'string' && member !== '') return member
    const uri = (member as { readonly uri?: unknown } | null | undefined)?.uri
    if (typeof uri === 'string') return uri
  }
  return undefined
}

function lineOf(time: string, { what, collection, did, text }: Summary, style: LineStyle): string {
  const cells = [
    [time, DIM],
    [padded(what, WHAT_WIDTH)],
    [padded(collection, COLLECTION_WIDTH), CYAN],
    [padded(did, DID_WIDTH), DIM],
    [plain(text)],
  ] as const
  let left = style.columns
  const shown: string[] = []
  for (const [cell, color] of cells) {
    if (left <= 0) break
    const cut = cell.slice(0, left)
    left -= cut.length + 1
    shown.push(style.ansi && color !== undefined ? `\u001b[${color}m${cut}\u001b[0m` : cut)
  }
  return shown.join(' ').trimEnd()
}

const padded = (text: string, width: number): string => plain(text).slice(0, width).padEnd(width)

/** The local time of day. */
function clock(ms: number): string {
  const date = new Date(ms)
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':')
}
