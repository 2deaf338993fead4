import {
  decodeMessage,
  encodeLabels,
  encodeMessage,
  fakeFirehose,
  fakeLabels,
  generateCommits,
  generateLabels,
  labelsOf,
  opsOf,
} from '../../src/testing/index.js'
import { framesOf, jsonOf, linesOf } from '../helpers/recordings.js'
import { refusalOf } from './client.js'
import { decoded, FrameClient } from './frame-client.js'

const messagesOf = (file: string) => linesOf(file).map((line) => JSON.parse(line))
const hex = (frames: readonly Uint8Array[]): string[] =>
  frames.map((frame) => Buffer.from(frame).toString('hex'))

/** The members of a message in their order, and of its operations or labels. */
function shapeOf(frame: Uint8Array): string {
  const { t, body } = decoded(frame)
  const inner = (body.ops ?? body.labels ?? []) as readonly object[]
  return [t, Object.keys(body), ...new Set(inner.map((one) => Object.keys(one).join()))].join(' ')
}

describe('the frames of a PDS', () => {
  const frames = framesOf('local/firehose_frames.bin')

  it('go out byte for byte, under their own numbers', async () => {
    await using server = await fakeFirehose({ events: frames })
    await using client = new FrameClient(server.endpoint)
    await client.received(72)
    expect(hex(client.frames)).toEqual(hex(frames))
    await using later = new FrameClient(server.endpoint, '?cursor=70')
    await later.received(2)
    expect(later.seqs).toEqual([71, 72])
  })

  it('are encoded again to the same bytes', () => {
    expect(hex(frames.map((frame) => encodeMessage(decodeMessage(frame))))).toEqual(hex(frames))
  })

  it('hold the operations that an independent decoder found', () => {
    const found = frames.map((frame) =>
      opsOf(frame).map(({ action, path, cid }) => ({ action, path, cid })),
    )
    expect(found).toEqual(messagesOf('local/firehose_frames.expected.ndjson').map(({ ops }) => ops))
    expect(found.flat().length).toBeGreaterThan(250)
  })

  it('have the shapes of the generated ones, member for member', () => {
    const real = new Set(frames.map(shapeOf))
    const made = [...generateCommits({ count: 3_000, repos: 20, operationsPerCommit: 1 })]
    // The first commit of a repository is its empty one at a PDS; a generated one begins to write
    // at once.
    const begun = made.filter((one) => one.t !== '#commit' || one.body.since !== null)
    const unknown = new Set(
      begun.map((one) => shapeOf(encodeMessage(one))).filter((shape) => !real.has(shape)),
    )
    expect(unknown).toEqual(new Set())
    expect(new Set(begun.map((one) => shapeOf(encodeMessage(one)))).size).toBeGreaterThan(6)
  })
})

describe('the frames of ozone', () => {
  const frames = framesOf('local/label_frames.bin')

  it('go out byte for byte, and a replay lacks what was replaced', async () => {
    await using server = await fakeLabels({ events: frames })
    await using live = new FrameClient(server.endpoint)
    await live.received(6)
    expect(hex(live.frames)).toEqual(hex(frames))
    await using replay = new FrameClient(server.endpoint, '?cursor=0')
    await replay.received(5)
    expect(replay.seqs).toEqual([1, 2, 4, 5, 6])
  })

  it('hold the labels that an independent decoder found', () => {
    expect(frames.flatMap(labelsOf)).toEqual(
      messagesOf('local/label_frames.expected.ndjson').flatMap(({ labels }) => labels),
    )
  })

  it('have members in the order of the generated ones', () => {
    const made = [...generateLabels({ count: 500 })].map((label, n) =>
      encodeLabels({ seq: n + 1, labels: [label] }),
    )
    const shapes = new Set(made.map(shapeOf))
    expect(frames.map(shapeOf).filter((shape) => !shapes.has(shape))).toEqual([])
  })
})

interface Refusal {
  readonly server: 'pds' | 'relay' | 'ozone' | 'tap'
  readonly what: string
  readonly request: string
  readonly http?: { readonly status: number; readonly body: string }
  readonly frames?: readonly { readonly hex: string }[]
  readonly close?: { readonly code: number; readonly reason: string } | null
}

const all = jsonOf<readonly Refusal[]>('local/refusals.json')

describe('the refusals of running servers', () => {
  const subscriptions = all.filter(
    ({ server, request }) => server !== 'tap' && /subscribe(Repos|Labels)\?cursor/.test(request),
  )

  it.each(
    subscriptions
      .filter(({ close }) => close !== null)
      .map((one) => [one.server, one.request, one] as const),
  )('of a %s are the same here: %s', async (style, request, { frames = [], close }) => {
    const query = request.slice(request.indexOf('?'))
    await using server =
      style === 'ozone'
        ? await fakeLabels()
        : await fakeFirehose({ style: style === 'relay' ? 'relay' : 'pds' })
    const client = new FrameClient(server.endpoint, query)
    expect(await client.ended).toEqual(close)
    expect(hex(client.frames)).toEqual(frames.map(({ hex: bytes }) => bytes))
  })

  it.each(
    subscriptions
      .filter(({ http }) => http !== undefined)
      .map((one) => [one.server, one.request, one] as const),
  )('over HTTP of a %s are the same here: %s', async (_style, request, { http }) => {
    await using server = await fakeFirehose({ style: 'relay' })
    const { status, body } = await refusalOf(server.endpoint, request.slice(request.indexOf('?')))
    expect({ status, body }).toEqual({ status: http?.status, body: http?.body })
  })

  it('tell of an outdated cursor in the same bytes', async () => {
    const outdated = subscriptions.find(({ what }) => what.startsWith('cursor older'))
    await using server = await fakeFirehose({ events: 10, stored: 'all', retainEvents: 1 })
    await using client = new FrameClient(server.endpoint, '?cursor=0')
    await client.received(2)
    expect(hex(client.frames)[0]).toBe(outdated?.frames?.[0]?.hex)
  })
})
