import type { JetstreamEvent, TapEvent } from '../../index.js'
import { plain } from '../text.js'
import { cutTo, padTo, widthOf } from '../width.js'
import { isOlderThanDay, type Layout, layoutFor, shortened, shortName, timeText } from './layout.js'

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

const DIM = 2
const CYAN = 36

/** One line for an event of a Jetstream: time, operation, collection, repository, text. */
export const jetstreamLine = (
  event: JetstreamEvent,
  style: LineStyle,
  now: number = Date.now(),
): string => lineOf(event.time_us / 1000, summaryOfEvent(event), style, now)

/** One line for an event of a Tap. Its events have no time; this is when it arrived. */
export const tapLine = (event: TapEvent, style: LineStyle, now: number = Date.now()): string =>
  lineOf(now, summaryOfTap(event), style, now)

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

function lineOf(ms: number, summary: Summary, { columns, ansi }: LineStyle, now: number): string {
  const isOld = isOlderThanDay(ms, now)
  const layout = layoutFor(columns, isOld)
  const head = headOf(summary, layout)
  if (layout.time !== undefined) head.unshift([timeText(ms, layout.time, isOld), DIM])
  const left = head.reduce((sum, [cell]) => sum - widthOf(cell) - 1, columns)
  const shown = head.map(([cell, color]) =>
    ansi && color !== undefined ? `\u001b[${color}m${cell}\u001b[0m` : cell,
  )
  return [...shown, cutTo(plain(summary.text), left)].join(' ').trimEnd()
}

type Cell = readonly [text: string, color?: number]

function headOf({ what, collection, did }: Summary, layout: Layout): Cell[] {
  const name =
    layout.what > 0
      ? shortName(plain(collection), layout.name)
      : signedName(what, plain(collection), layout.name)
  return [
    ...(layout.what > 0 ? [[padTo(plain(what), layout.what)] as const] : []),
    [padTo(name, layout.name), CYAN],
    ...(layout.did > 0
      ? [[padTo(shortened(plain(did), layout.did), layout.did), DIM] as const]
      : []),
  ]
}

const SIGNS: Readonly<Record<string, string>> = { create: '+', update: '~', delete: '-' }

/** `+feed.post`, where there is no room for the operation; else the kind. */
function signedName(what: string, collection: string, columns: number): string {
  if (collection === '') return plain(what)
  const sign = SIGNS[what] ?? ''
  return sign + shortName(collection, columns - sign.length)
}
