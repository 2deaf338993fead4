import { recordChecker } from '../../../src/atproto/records.js'
import type { JetstreamChunk } from '../../../src/index.js'
import type { Gathering } from '../../../src/live/protocol.js'
import { type SliceableBytes, TextBytes } from '../../../src/socket/text-bytes.js'
import { raw } from '../../../src/sources/jetstream/decoding.js'
import type { JetstreamFilters } from '../../../src/sources/jetstream/filters.js'
import { identityOf } from '../../../src/sources/jetstream/identity.js'
import { v1 } from '../../../src/sources/jetstream/v1.js'
import { v2 } from '../../../src/sources/jetstream/v2.js'
import { generateEvents } from '../../../src/testing/index.js'
import { toV2 } from '../../../src/testing/jetstream/translate.js'

const EVENTS = [...generateEvents({ count: 300, seed: 3, sharedTime: false })]
const TEXTS = EVENTS.map((event) => JSON.stringify(event))
const OPTIONS = {
  maxFrameBytes: 5_000_000,
  decoding: raw(recordChecker()),
  compression: { status: { name: 'none' } },
} as const

function gathering(filters: JetstreamFilters = {}, wire = v1): Gathering<JetstreamChunk> {
  const { readers } = wire('ws://h/', filters, OPTIONS)
  const made = readers.gather(readers)
  if (made === undefined) throw new Error('this Node has no WebAssembly with SIMD')
  return made
}

/** Messages one after the other in the memory of a socket, which the next read writes over. */
function messagesOf(texts: readonly string[]): readonly TextBytes[] {
  const chunk = Buffer.from(texts.join('....')) as Buffer & SliceableBytes
  let from = 0
  return texts.map((text) => {
    const to = from + Buffer.byteLength(text)
    const message = new TextBytes(chunk, from, to)
    from = to + 4
    return message
  })
}

function gathered(texts: readonly string[], filters: JetstreamFilters = {}) {
  const one = gathering(filters)
  const messages = messagesOf(texts)
  const added = messages.map((message) => one.add(message))
  const all = one.take()
  messages[0]?.chunk.fill(0)
  return { added, all, again: one.take() }
}

const textsOf = (chunk: JetstreamChunk | undefined): readonly string[] =>
  Array.from({ length: chunk?.length ?? 0 }, (_, index) => chunk?.text(index) ?? '')

const placeOf = (text: string | undefined) => {
  const { cursor, time_us } = JSON.parse(text ?? '{}')
  return { position: cursor ?? time_us, time_us }
}

describe('what is gathered', () => {
  it('is all that was added, with the places of its ends, and is gone when it is taken', () => {
    const { added, all, again } = gathered(TEXTS)
    expect(new Set(added)).toEqual(new Set([true]))
    expect(textsOf(all?.event)).toEqual(TEXTS)
    expect([all?.size, all?.filtered]).toEqual([300, 0])
    expect(all?.first).toEqual(placeOf(TEXTS[0]))
    expect(all?.last).toEqual(placeOf(TEXTS.at(-1)))
    expect(all?.end).toBe(all?.event)
    expect(again).toBeUndefined()
  })

  it.each([
    ['collections', { collections: ['app.bsky.feed.post', 'app.bsky.graph.*'], kinds: ['commit'] }],
    ['kinds', { kinds: ['identity'] }],
    ['dids', { dids: EVENTS.slice(0, 3).map(({ did }) => did) }],
  ] as const)('has what the %s want, the others are counted, and the last one is known', (_, f) => {
    const { all } = gathered(TEXTS, f as JetstreamFilters)
    const { wants } = v1('ws://h/', f as JetstreamFilters, OPTIONS)
    const wanted = TEXTS.filter((_, index) => wants(EVENTS[index] as never))
    expect(wanted.length).toBeGreaterThan(0)
    expect(textsOf(all?.event)).toEqual(wanted)
    expect([all?.size, all?.filtered]).toEqual([wanted.length, 300 - wanted.length])
    expect(all?.first).toEqual(placeOf(wanted[0]))
    expect(all?.last).toEqual(placeOf(TEXTS.at(-1)))
    const end = all?.end
    expect(identityOf(end?.event(end.length - 1) as never)).toBe(identityOf(EVENTS.at(-1) as never))
  })

  it('is no event where none is wanted, and has moved all the same', () => {
    const { all } = gathered(TEXTS, { dids: ['did:plc:nobody'] })
    expect([all?.event, all?.size, all?.filtered]).toEqual([undefined, 0, 300])
    expect(all?.last).toEqual(placeOf(TEXTS.at(-1)))
  })

  it('has one line for each event, whatever white space is in it', () => {
    const [text = ''] = TEXTS
    const spaced = `${text.replace('"record":{', '"record":{\n\n')} \n`
    const { all } = gathered([spaced, TEXTS[1] ?? ''])
    const lines = Buffer.from(all?.event?.lines ?? [])
      .toString()
      .split('\n')
    expect(lines.map((line) => line && JSON.parse(line))).toEqual([
      JSON.parse(text),
      JSON.parse(TEXTS[1] ?? ''),
      '',
    ])
  })

  it('is of wire v2 with all members of its events', () => {
    const texts = EVENTS.map(
      (event, index) => toV2(JSON.stringify(event), 10 + index, event.time_us) ?? '',
    )
    const one = gathering({}, v2 as never)
    for (const message of messagesOf(texts)) expect(one.add(message)).toBe(true)
    const chunk = one.take()?.event
    expect(textsOf(chunk)).toEqual(texts)
    const { decode } = v2('ws://h/', {}, OPTIONS)
    expect([...(chunk ?? [])].map((event) => JSON.stringify(event))).toEqual(
      texts.map((text) => JSON.stringify(decode(text))),
    )
  })
})

describe('a message is read alone', () => {
  it.each([
    ['that is no event', () => '{"type":"hello"}'],
    ['that is no JSON', () => 'not json'],
    ['at the position of the one before', () => TEXTS[0] ?? ''],
    ['at a position before it', () => (TEXTS[0] ?? '').replace(/"time_us":\d/, '"time_us":1')],
  ])('%s', (_, text) => {
    const { added, all } = gathered([TEXTS[0] ?? '', text(), TEXTS[1] ?? ''])
    expect(added).toEqual([true, false, true])
    expect(textsOf(all?.event)).toEqual([TEXTS[0], TEXTS[1]])
  })

  it('when the lines are full, and the next ones are not', () => {
    const one = gathering()
    const big = TEXTS.map((text) =>
      text.replace(/"record":\{/, `"record":{"text":"${'x'.repeat(3000)}",`),
    )
    const added = messagesOf(big).map((message) => one.add(message))
    expect(added.indexOf(false)).toBeGreaterThan(50)
    expect(textsOf(one.take()?.event)).toEqual(big.filter((_, index) => added[index]))
  })
})
