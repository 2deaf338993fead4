import { toBytes } from '@atcute/cbor'
import type { FakeLabel } from '../event-stream/label-message.js'
import { generateCid, generateDid, tid } from './ids.js'
import { integer, pick, random } from './random.js'

/** What {@link generateLabels} makes. */
export interface GenerateLabelsOptions {
  /**
   * The same seed gives the same labels.
   * @default 1
   */
  readonly seed?: number
  /**
   * How many labels.
   * @default Infinity
   */
  readonly count?: number
  /**
   * The DID of the labeler.
   * @default made up
   */
  readonly src?: string
  /**
   * Unix microseconds of the first label.
   * @default 1767225600000000 (2026-01-01)
   */
  readonly startUs?: number
  /**
   * Mean microseconds from one label to the next.
   * @default 1000
   */
  readonly everyUs?: number
  /**
   * The share of labels that negate an earlier one.
   * @default 0.1
   */
  readonly negations?: number
  /**
   * The share of labels without `sig`.
   * @default 0
   */
  readonly unsigned?: number
}

const VALUES = [
  'spam',
  'porn',
  'sexual',
  'graphic-media',
  'rude',
  'misleading',
  '!hide',
  '!warn',
  '!takedown',
]
const MOST_HELD = 64
const YEAR_MS = 31_536_000_000

/**
 * Plausible labels of one labeler, on accounts, on records, and on single versions of records. Some
 * expire, some negate an earlier one. Endless without `count`; deterministic. A signature is 64
 * made-up bytes that verify nothing.
 *
 * @example
 * const labels = [...generateLabels({ seed: 7, count: 100, unsigned: 0.5 })]
 */
export function* generateLabels(
  options: GenerateLabelsOptions = {},
): Generator<FakeLabel, void, undefined> {
  const {
    seed = 1,
    count = Number.POSITIVE_INFINITY,
    everyUs = 1000,
    negations = 0.1,
    unsigned = 0,
  } = options
  const next = random(seed)
  const src = options.src ?? generateDid(next)
  const held: FakeLabel[] = []
  let timeUs = options.startUs ?? 1_767_225_600_000_000
  for (let n = 0; n < count; n++) {
    const isNegation = held.length > 0 && next() < negations
    const label = isNegation
      ? negationOf(held.splice(integer(next, held.length), 1)[0] as FakeLabel, timeUs)
      : made(next, src, timeUs)
    if (!isNegation && held.length < MOST_HELD) held.push(label)
    yield next() < unsigned ? label : { ...label, sig: toBytes(signature(next)) }
    timeUs += 1 + integer(next, 2 * everyUs)
  }
}

function made(next: () => number, src: string, timeUs: number): FakeLabel {
  const kind = next()
  const did = generateDid(next)
  const uri =
    kind < 0.3
      ? did
      : `at://${did}/app.bsky.feed.post/${tid(timeUs - integer(next, 1e11), integer(next, 1024))}`
  const cid = kind < 0.6 ? {} : { cid: generateCid(next) }
  const exp = next() < 0.1 ? { exp: iso(timeUs + YEAR_MS * 1000) } : {}
  return { ver: 1, src, uri, ...cid, val: pick(next, VALUES), cts: iso(timeUs), ...exp }
}

function negationOf({ ver = 1, src, uri, cid, val }: FakeLabel, timeUs: number): FakeLabel {
  return { ver, src, uri, ...(cid === undefined ? {} : { cid }), val, neg: true, cts: iso(timeUs) }
}

function signature(next: () => number): Uint8Array {
  return Uint8Array.from({ length: 64 }, () => integer(next, 256))
}

const iso = (timeUs: number): string => new Date(timeUs / 1000).toISOString()
