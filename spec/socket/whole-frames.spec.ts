import type { Writable } from 'node:stream'
import fc from 'fast-check'
import WebSocket from 'ws'
import { Gathered } from '../../src/socket/gathered.js'
import { HEAD_BYTES } from '../../src/socket/large-frame.js'
import { WholeFrames } from '../../src/socket/whole-frames.js'
import { runs } from '../helpers/thick.js'

const MAX_FRAME_BYTES = 70_000
const [FRAGMENT, TEXT, BINARY, CLOSE, PING, PONG] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa]
const FIN = 0x80

/** A frame as RFC 6455 section 5.2 writes it, or with a length in more bytes than it needs. */
function frame(
  first: number,
  payload: Uint8Array,
  lengthBytes: 0 | 2 | 8 = payload.length < 126 ? 0 : payload.length < 0x1_0000 ? 2 : 8,
): Buffer {
  const head = Buffer.alloc(2 + lengthBytes)
  head[0] = first
  head[1] = lengthBytes === 0 ? payload.length : lengthBytes === 2 ? 126 : 127
  if (lengthBytes === 2) head.writeUInt16BE(payload.length, 2)
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(payload.length), 2)
  return Buffer.concat([head, payload])
}

// Exported, and not in the types.
const { Receiver } = WebSocket as unknown as {
  readonly Receiver: new (options: object) => Writable
}
const receiver = () =>
  new Receiver({ isServer: false, maxPayload: MAX_FRAME_BYTES, skipUTF8Validation: true })

/** What `ws` tells, in order. */
function listening(told: unknown[], ended: () => void): Writable {
  return receiver()
    .on('message', (data: Buffer, isBinary: boolean) =>
      told.push(['message', data.toString('latin1'), isBinary]),
    )
    .on('ping', (data: Buffer) => told.push(['ping', data.toString('latin1')]))
    .on('pong', (data: Buffer) => told.push(['pong', data.toString('latin1')]))
    .on('conclude', (code: number, reason: Buffer) => {
      told.push(['close', code, reason.toString('latin1')])
      ended()
    })
    .on('error', (error: Error & { code?: string }) => {
      told.push(['error', error.code])
      ended()
    })
}

/** As a socket feeds it: until it has heard enough. */
async function byWsAlone(chunks: readonly Buffer[]): Promise<readonly unknown[]> {
  const told: unknown[] = []
  let isOver = false
  const ws = listening(told, () => {
    isOver = true
  })
  for (const chunk of chunks) {
    if (!isOver) ws.write(chunk)
    await new Promise(setImmediate)
  }
  return told
}

interface Told {
  readonly told: readonly unknown[]
  /** Messages that `ws` never saw. */
  readonly whole: number
}

async function withWholeFrames(chunks: readonly Buffer[]): Promise<Told> {
  const told: unknown[] = []
  let [whole, isOver, isLeft] = [0, false, false]
  const ws = listening(told, () => {
    isOver = true
  })
  const visit = (chunk: Buffer, from: number, to: number, isBinary: boolean) => {
    whole += 1
    told.push(['message', chunk.toString('latin1', from, to), isBinary])
  }
  const leave = () => {
    isLeft = true
  }
  const frames = new WholeFrames(MAX_FRAME_BYTES, visit, (bytes) => ws.write(bytes), leave)
  for (const chunk of chunks) {
    if (!isOver) isLeft ? ws.write(chunk) : frames.read(chunk)
    await new Promise(setImmediate)
  }
  return { told, whole }
}

const cut = (bytes: Buffer, places: readonly number[]): readonly Buffer[] => {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...cuts]
    .map((from, index) => bytes.subarray(from, cuts[index] ?? bytes.length))
    .filter(({ length }) => length > 0)
}

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc
    .constantFrom(124, 125, 126, 127, 200, 65_535, 65_536, MAX_FRAME_BYTES)
    .map((size) => new Uint8Array(size).fill(size)),
)
const small = fc.uint8Array({ maxLength: 125 })

/** A message in fragments, cut at these places; a ping before each of them but the first. */
function fragments(
  opcode: number,
  bytes: Uint8Array,
  places: readonly number[],
  pings = false,
): Buffer {
  const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b)
  const pieces = [0, ...cuts].map((from, index) =>
    bytes.subarray(from, cuts[index] ?? bytes.length),
  )
  return Buffer.concat(
    pieces.flatMap((piece, index) => {
      const first = (index === 0 ? opcode : FRAGMENT) | (index === pieces.length - 1 ? FIN : 0)
      return index > 0 && pings
        ? [frame(FIN | PING, Buffer.of(index)), frame(first, piece)]
        : [frame(first, piece)]
    }),
  )
}

const fragmented = fc
  .tuple(fc.constantFrom(TEXT, BINARY), payload, fc.array(fc.nat(), { maxLength: 5 }))
  .map(([opcode, bytes, cuts]) => fragments(opcode, bytes, cuts))
const sound = fc.oneof(
  { weight: 6, arbitrary: payload.map((bytes) => frame(FIN | TEXT, bytes)) },
  { weight: 3, arbitrary: payload.map((bytes) => frame(FIN | BINARY, bytes)) },
  { weight: 2, arbitrary: fragmented },
  { weight: 2, arbitrary: small.map((bytes) => frame(FIN | PING, bytes)) },
  { weight: 1, arbitrary: small.map((bytes) => frame(FIN | PONG, bytes)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(small, fc.constantFrom(2 as const, 8 as const))
      .map(([bytes, size]) => frame(FIN | TEXT, bytes, size)),
  },
)
const odd = fc.oneof(
  fc
    .tuple(small, small)
    .map(([one, two]) =>
      Buffer.concat([frame(TEXT, one), frame(FIN | PING, two), frame(FIN | FRAGMENT, two)]),
    ),
  fc
    .tuple(small, small)
    .map(([one, two]) => Buffer.concat([frame(BINARY, one), frame(FIN | TEXT, two)])),
  fc.tuple(small, small).map(([one, two]) => Buffer.concat([frame(TEXT, one), frame(BINARY, two)])),
  small.map((bytes) => frame(FIN | FRAGMENT, bytes)),
  small.map((bytes) => Buffer.concat([frame(TEXT, bytes), frame(FIN | CLOSE, Buffer.of())])),
  fc.constant(fragments(BINARY, new Uint8Array(MAX_FRAME_BYTES + 1), [100, 60_000])),
  fc.constant(frame(BINARY, new Uint8Array(MAX_FRAME_BYTES + 1))),
  fc.constant(
    Buffer.from([FRAGMENT | BINARY, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  ),
  fc.constant(frame(FIN | CLOSE, Buffer.from([0x03, 0xe8, 0x62, 0x79, 0x65]))),
  fc.constant(frame(FIN | CLOSE, Buffer.of())),
  fc.constant(frame(FIN | TEXT, new Uint8Array(MAX_FRAME_BYTES + 1))),
  fc.constant(frame(FIN | PING, new Uint8Array(126))),
  fc.constant(frame(FIN | TEXT, Buffer.of(1, 2, 3)).fill(0x83, 1, 2)),
  fc.constant(frame(FIN | TEXT | 0x40, Buffer.of(1))),
  fc.constant(Buffer.from([FIN | BINARY, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
  fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
)
const places = fc.array(fc.noBias(fc.nat()), { maxLength: 8 })

describe('messages that lie whole in a chunk', () => {
  it('are all taken, in order with those that ws reads, wherever the chunks begin', async () => {
    let [whole, byWs] = [0, 0]
    const property = fc.asyncProperty(
      fc.array(sound, { minLength: 1, maxLength: 12 }),
      places,
      async (frames, cuts) => {
        const chunks = cut(Buffer.concat(frames), cuts)
        const ours = await withWholeFrames(chunks)
        expect(ours.told).toEqual(await byWsAlone(chunks))
        expect(ours.told).toHaveLength(frames.length)
        whole += ours.whole
        byWs += frames.length - ours.whole
      },
    )
    await fc.assert(property, { seed: 6455, numRuns: runs(100, 400) })
    expect(Math.min(whole, byWs)).toBeGreaterThan(runs(100, 400))
  })

  it('are all there are without a cut, but for pings and pongs', async () => {
    const frames = [
      frame(FIN | TEXT, Buffer.from('a')),
      frame(FIN | BINARY, Buffer.alloc(300)),
      frame(FIN | PING, Buffer.of(1)),
      frame(FIN | TEXT, Buffer.of()),
    ]
    expect(await withWholeFrames([Buffer.concat(frames)])).toMatchObject({
      whole: 3,
      told: { length: 4 },
    })
  })

  it('are found when every byte comes alone', async () => {
    const bytes = Buffer.concat([
      frame(FIN | TEXT, Buffer.from('one')),
      frame(FIN | PING, Buffer.of()),
      frame(FIN | BINARY, Buffer.alloc(130, 1)),
    ])
    const chunks = [...bytes].map((byte) => Buffer.of(byte))
    expect((await withWholeFrames(chunks)).told).toEqual(await byWsAlone(chunks))
  })

  it('keep the beginning of a header back until the rest of it is there', () => {
    const passed: Buffer[] = []
    const frames = new WholeFrames(
      MAX_FRAME_BYTES,
      () => undefined,
      (bytes) => passed.push(bytes),
      () => undefined,
    )
    frames.read(Buffer.concat([frame(FIN | PING, Buffer.of()), Buffer.from([FIN | TEXT, 126, 1])]))
    expect(Buffer.concat(passed)).toEqual(Buffer.from([FIN | PING, 0]))
    frames.read(Buffer.of(44))
    expect(Buffer.concat(passed)).toEqual(Buffer.from([FIN | PING, 0, FIN | TEXT, 126, 1, 44]))
  })

  it('end where ws has to judge: its verdict on a stream is the one it gives alone', async () => {
    const kinds = new Set<unknown>()
    const streams = fc.tuple(
      fc.array(sound, { maxLength: 5 }),
      odd,
      fc.array(fc.oneof(sound, odd), { maxLength: 4 }),
    )
    const property = fc.asyncProperty(streams, places, async ([before, strange, behind], cuts) => {
      const chunks = cut(Buffer.concat([...before, strange, ...behind]), cuts)
      const { told } = await withWholeFrames(chunks)
      expect(told).toEqual(await byWsAlone(chunks))
      const last = told.at(-1) as readonly unknown[] | undefined
      kinds.add(last?.[0] === 'error' ? last[1] : last?.[0])
    })
    await fc.assert(property, { seed: 6455, numRuns: runs(150, 600) })
    // It has met what RFC 6455 forbids, and what it allows.
    expect([...kinds]).toEqual(
      expect.arrayContaining([
        'message',
        'close',
        'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
        'WS_ERR_UNEXPECTED_RSV_1',
        'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
        'WS_ERR_UNEXPECTED_MASK',
        'WS_ERR_INVALID_OPCODE',
      ]),
    )
  })
})

describe('messages that are too large, where they may be', () => {
  interface Sent {
    readonly opcode: number
    readonly bytes: Uint8Array
    readonly wire: Buffer
  }

  const sizes = fc.constantFrom(
    0,
    10,
    300,
    MAX_FRAME_BYTES,
    MAX_FRAME_BYTES + 1,
    140_000,
    HEAD_BYTES,
    HEAD_BYTES + 1,
    600_000,
  )
  const filled = fc
    .tuple(sizes, fc.nat(255))
    .map(([size, seed]) => Uint8Array.from({ length: size }, (_, index) => index * 7 + seed))
  const sent = fc
    .tuple(
      fc.constantFrom(TEXT, BINARY),
      filled,
      fc.array(fc.nat(), { maxLength: 4 }),
      fc.boolean(),
    )
    .map(
      ([opcode, bytes, cuts, pings]): Sent => ({
        opcode,
        bytes,
        wire: fragments(opcode, bytes, cuts, pings),
      }),
    )

  /** What is told of a message. */
  const told = ({ opcode, bytes }: Sent) =>
    bytes.length > MAX_FRAME_BYTES
      ? [
          'large',
          Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString('latin1'),
          bytes.length,
          opcode === BINARY,
        ]
      : ['message', Buffer.from(bytes).toString('latin1'), opcode === BINARY]

  it('come with their beginning and length, all others whole, wherever chunks begin', async () => {
    let large = 0
    const property = fc.asyncProperty(
      fc.array(sent, { minLength: 1, maxLength: 5 }),
      places,
      async (messages, cuts) => {
        const heard: unknown[] = []
        const ws = listening(heard, () => undefined)
        const frames = new WholeFrames(
          MAX_FRAME_BYTES,
          (chunk, from, to, isBinary) =>
            heard.push(['message', chunk.toString('latin1', from, to), isBinary]),
          (bytes) => ws.write(bytes),
          () => heard.push(['left']),
          (head, length, isBinary) =>
            heard.push(['large', head.toString('latin1'), length, isBinary]),
        )
        for (const chunk of cut(Buffer.concat(messages.map(({ wire }) => wire)), cuts)) {
          frames.read(chunk)
          await new Promise(setImmediate)
        }
        expect(heard.filter((one) => (one as readonly unknown[])[0] !== 'ping')).toEqual(
          messages.map(told),
        )
        expect(frames.isAmidst).toBe(false)
        large += messages.filter(({ bytes }) => bytes.length > MAX_FRAME_BYTES).length
      },
    )
    await fc.assert(property, { seed: 6455, numRuns: runs(40, 150) })
    expect(large).toBeGreaterThan(runs(25, 100))
  })

  it('take no more memory than the bound, however long and in however many fragments', () => {
    const gathered = new Gathered(true, 1000)
    for (let at = 0; at < 2000; at += 1) {
      gathered.announce(1)
      gathered.add(Buffer.of(7), 0, 1)
    }
    gathered.announce(2 ** 31)
    for (let at = 0; at < 64; at += 1) gathered.add(Buffer.alloc(2 ** 20), 0, 2 ** 20)
    expect(gathered.isLarge).toBe(true)
    expect(gathered.bytes).toHaveLength(HEAD_BYTES)
    expect(gathered.bytes.buffer.byteLength).toBeLessThanOrEqual(2 * HEAD_BYTES)
  })

  it('give back what they took before they were known to be too large', () => {
    const gathered = new Gathered(true, 2 ** 21)
    gathered.announce(2 ** 21)
    gathered.add(Buffer.alloc(2 ** 21, 1), 0, 2 ** 21)
    expect(gathered.bytes).toHaveLength(2 ** 21)
    gathered.announce(1)
    gathered.add(Buffer.of(2), 0, 1)
    expect(gathered.bytes.buffer.byteLength).toBe(HEAD_BYTES)
    expect(gathered.bytes.equals(Buffer.alloc(HEAD_BYTES, 1))).toBe(true)
  })
})
