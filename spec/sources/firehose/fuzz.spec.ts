import fc from 'fast-check'
import { filter, firstValueFrom } from 'rxjs'
import {
  FrameError,
  firehose$,
  RecordError,
  type RejectedFrame,
  ServerError,
  StreamError,
  streamMetrics,
} from '../../../src/index.js'
import { fakeFirehose } from '../../../src/testing/event-stream/fake-firehose.js'
import { encodeMessage } from '../../../src/testing/event-stream/firehose-message.js'
import { generateCommits } from '../../../src/testing/generate/commits.js'
import { cpuMs } from '../../helpers/cpu.js'
import { framesOf } from '../../helpers/recordings.js'
import { expectBalanced } from '../../helpers/streams.js'
import { runs } from '../../helpers/thick.js'
import { commitFrame, errorFrame, identityFrame, read } from './frames.js'

const SEED = 20261121
const CORPUS: readonly Uint8Array[] = [
  ...[...generateCommits({ seed: 3, count: 60 })].map(encodeMessage),
  ...framesOf('local/firehose_frames.bin').filter(({ length }) => length < 20_000),
  identityFrame(3),
  commitFrame(4, [{ action: 'delete', path: 'a.b.c/d' }]),
  errorFrame('ConsumerTooSlow'),
]

/** What a program does with a frame: takes its events, and everything in them. */
function use(frame: Uint8Array): string {
  try {
    const events = read(frame)
    if (typeof events === 'string') return 'control'
    for (const event of events) {
      try {
        JSON.parse(JSON.stringify(event))
      } catch (error) {
        if (!(error instanceof RecordError)) throw error
      }
    }
    return 'events'
  } catch (error) {
    if (error instanceof FrameError) return 'rejected'
    if (error instanceof ServerError) return 'server'
    throw error
  }
}

const frame = fc.constantFrom(...CORPUS)
// Evenly over the frame: doubles would crowd at its head.
const position = fc.nat(999_999).map((millionths) => millionths / 1e6)

/** Some bits of a frame are flipped, or some bytes cut out, doubled or set. */
const mutation = fc.oneof(
  fc.record({
    kind: fc.constant('flip' as const),
    at: position,
    bit: fc.nat(7),
    length: fc.constant(0),
  }),
  fc.record({
    kind: fc.constantFrom('cut' as const, 'double' as const, 'fill' as const),
    at: position,
    bit: fc.nat(255),
    length: fc.nat(40),
  }),
)

function mutated(
  bytes: Uint8Array,
  { kind, at, bit, length }: { kind: string; at: number; bit: number; length: number },
): Uint8Array {
  const start = Math.floor(at * bytes.length)
  const end = start + length
  switch (kind) {
    case 'flip':
      return bytes.map((byte, index) => (index === start ? byte ^ (1 << bit) : byte))
    case 'cut':
      return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
    case 'double':
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)])
    default:
      return bytes.map((byte, index) => (index >= start && index < end ? bit : byte))
  }
}

describe('a frame with errors in it', () => {
  it('is events, a notice, a refusal or a reject: no other error, and no hang', () => {
    const outcomes = new Map<string, number>()
    let slowestMs = 0
    fc.assert(
      fc.property(frame, fc.array(mutation, { minLength: 1, maxLength: 4 }), (bytes, mutations) => {
        const broken = mutations.reduce(mutated, bytes)
        const startedAt = cpuMs()
        const outcome = use(broken)
        slowestMs = Math.max(slowestMs, cpuMs() - startedAt)
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }),
      { seed: SEED, numRuns: runs(1500, 4000) },
    )
    expect(slowestMs).toBeLessThan(1000)
    // A fuzz that never gets past the first check shows nothing.
    for (const outcome of ['events', 'rejected']) expect(outcomes.get(outcome)).toBeGreaterThan(200)
  })

  it('is told by an error of ours whatever its bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          read(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(StreamError)
        }
      }),
      { seed: SEED, numRuns: runs(1000, 3000) },
    )
  })

  it('is counted once, and the numbers of the stream add up', async () => {
    const broken = fc
      .sample(fc.tuple(frame, mutation), { seed: SEED, numRuns: 400 })
      .map(([bytes, one]) => mutated(bytes, one))
      // What a server says of its end, it ends with.
      .filter((bytes) => use(bytes) !== 'server')
    await using server = await fakeFirehose({
      events: [...broken, identityFrame(5)],
      stored: 'all',
    })
    const metrics$ = streamMetrics()
    const rejects: RejectedFrame[] = []
    const events$ = firehose$({
      host: server.url,
      cursor: 'oldest',
      metrics$,
      rejects: { next: (rejected) => rejects.push(rejected) },
    })
    const subscription = events$.subscribe()
    const { frames, rejected, events } = await firstValueFrom(
      metrics$.pipe(filter((metrics) => metrics.frames === broken.length + 1)),
    )
    subscription.unsubscribe()
    expectBalanced(metrics$.value)
    expect(rejects).toHaveLength(rejected)
    expect([frames, events > 50, rejected > 50]).toEqual([broken.length + 1, true, true])
  })

  it('that is good is good', () => {
    expect(CORPUS.map(use).filter((outcome) => outcome === 'rejected')).toEqual([])
  })
})
