import { lastValueFrom, tap, toArray } from 'rxjs'
import {
  type ArchiveConfig,
  archive$,
  ConfigError,
  type Gap,
  jetstream$,
} from '../../../../src/index.js'
import { xxh3 } from '../../../../src/internal/xxh3.js'
import { Block } from '../../../../src/sources/jetstream/archive/block.js'
import { Footer } from '../../../../src/sources/jetstream/archive/footer.js'
import { readHeader } from '../../../../src/sources/jetstream/archive/segment.js'
import { type ArchiveFault, fakeArchive } from '../../../../src/testing/index.js'
import { bytesOf, itWith } from '../../../helpers/recordings.js'
import { blocksOf, framesIn } from './read-segment.js'

/** The bytes of xxHash's own sanity checks. */
function sanityBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = 2654435761n
  for (let at = 0; at < length; at += 1) {
    bytes[at] = Number(state >> 56n)
    state = BigInt.asUintN(64, state * 11400714785074694797n)
  }
  return bytes
}

describe('xxh3', () => {
  it.each([
    [403, 'cdeb804d65c6dea4'],
    [512, '617e49599013cb6b'],
    [2048, 'dd59e2c3a5f038e0'],
    [2099, 'c6b9d9b3fc9ac765'],
    [2240, '6e73a90539cf2948'],
    [2367, 'cb37aeb9e5d361ed'],
  ])('hashes %d bytes as the published checks of xxHash say', (length, hash) => {
    expect(xxh3(sanityBytes(length)).toString(16)).toBe(hash)
  })

  it('takes no input that is hashed in another way', () => {
    expect(() => xxh3(new Uint8Array(240))).toThrow(RangeError)
  })
})

const partsOf = (file: Buffer) => {
  const { blocksEnd, blocks, checksum } = readHeader(file)
  const hashed = Buffer.concat([file.subarray(12, 256), file.subarray(blocksEnd)])
  return { checksum, hashed, footer: new Footer(file.subarray(blocksEnd, blocksEnd + 52 * blocks)) }
}

const RECORDED = [
  'archive/small/a/seg_000000000a.jss',
  'archive/small/b/seg_000000000a.jss',
  // Blocks without a row, a segment without a block, and a block of 4,096 rows.
  'archive/small/b/seg_0000000008.jss',
  'archive/empty-segment/seg_0000000001.jss',
  'archive/default/seg_0000000001.jss',
  'archive/upstream/golden_corpus_segment.jss',
  'archive/upstream/legacy_fixed4096_blooms.jss',
]

describe('the footer of a segment', () => {
  for (const name of RECORDED)
    itWith(
      [name],
      `has the checksum of its header, and says what its blocks are: ${name}`,
      async () => {
        const file = bytesOf(name)
        const { checksum, hashed, footer } = partsOf(file)
        expect(xxh3(hashed).toString(16).padStart(16, '0')).toBe(checksum)
        const frames = framesIn(file)
        for (const [index, content] of (await blocksOf(file)).entries()) {
          const block = new Block(content, 0, Number.MAX_SAFE_INTEGER)
          expect(footer.complaintOf(index, frames[index]?.length ?? 0, block)).toBeUndefined()
        }
        expect(
          footer.complaintOf(frames.length, 0, new Block(new Uint8Array(4), 0, 0)),
        ).toBeDefined()
      },
    )

  it('tells a sound block of another generation from the one of its own', async () => {
    const { footer } = partsOf(bytesOf('archive/small/a/seg_000000000a.jss'))
    const other = bytesOf('archive/small/b/seg_000000000a.jss')
    const [content = new Uint8Array()] = await blocksOf(other)
    const [frame = new Uint8Array()] = framesIn(other)
    const block = new Block(content, 0, Number.MAX_SAFE_INTEGER)
    expect(footer.complaintOf(0, frame.length, block)).toMatch(/^it has \d+ compressed bytes, and/)
  })
})

async function read(
  faults: readonly ArchiveFault[],
  config: Partial<ArchiveConfig> = {},
  { events = 500, after }: { readonly events?: number; readonly after?: number } = {},
) {
  await using server = await fakeArchive({ events, faults: [...faults, ...compaction()] })
  const gaps: Gap[] = []
  const read$ = archive$({
    host: server.host,
    log: false,
    reconnect: { initialDelayMs: 1, maxDelayMs: 1 },
    gaps: { next: (gap) => gaps.push(gap) },
    ...config,
  })
  const seqs = (await lastValueFrom(read$.pipe(toArray()))).map(({ cursor }) => cursor)
  const wanted = server.events.map(({ cursor }) => cursor)
  return { seqs, wanted, gaps, requests: server.requests, fired: server.archiveFired }

  function compaction(): readonly ArchiveFault[] {
    if (after === undefined) return []
    const run = () => void server.compact(({ seq }) => seq % 50 === 0)
    return [{ method: 'getSegment', onRequest: after, do: 'call', run }]
  }
}

// The number of DIDs in a header: nothing else depends on it, and no checksum of a block covers it.
const DIDS_AT = 22
const everyHeader: ArchiveFault = {
  method: 'getSegment',
  onRequest: 1,
  times: 999,
  do: 'flip',
  at: DIDS_AT,
  optional: true,
}

describe("archive$ with verify: 'footer'", () => {
  it('reads the same events, with the footer of each segment', async () => {
    const { seqs, wanted, gaps, requests } = await read([], { verify: 'footer' })
    expect(seqs).toEqual(wanted)
    expect(gaps).toEqual([])
    const ranges = requests.flatMap(({ headers }) => headers.range ?? [])
    // Four segments: each has its header, its footer and its blocks.
    expect(ranges.filter((range) => range === 'bytes=0-255')).toHaveLength(4)
    expect(ranges).toHaveLength(12)
  })

  it('sees a bit that no checksum of a block covers, and fetches it again', async () => {
    // Of one segment the header and the blocks are asked for at once, in any order.
    const flip = { method: 'getSegment', onRequest: 1, times: 2, do: 'flip', at: DIDS_AT } as const
    const { seqs, wanted, gaps, requests } = await read(
      [flip],
      { verify: 'footer' },
      { events: 90 },
    )
    expect(seqs).toEqual(wanted)
    expect(gaps).toEqual([])
    expect(requests.filter(({ headers }) => headers.range === 'bytes=0-255')).toHaveLength(2)
  })

  it('reports a segment that stays wrong as one gap, and reads the others', async () => {
    const { seqs, gaps } = await read([{ ...everyHeader }], { verify: 'footer' })
    expect(seqs).toEqual([])
    expect(gaps).toMatchObject([{ from: 1, to: 500, reason: 'archive-unreadable' }])
  })

  it('would not see it without: the check can fail', async () => {
    const { seqs, wanted, gaps, fired } = await read([everyHeader])
    expect(seqs).toEqual(wanted)
    expect(gaps).toEqual([])
    expect(fired.length).toBeGreaterThan(0)
  })

  it.each([2, 3, 4, 5, 6])(
    'reads a segment that is rewritten before request %d, without a gap',
    async (after) => {
      const { seqs, gaps } = await read([], { verify: 'footer' }, { after })
      expect(gaps).toEqual([])
      const kept = Array.from({ length: 500 }, (_, at) => at + 1).filter((seq) => seq % 50 > 0)
      expect(seqs.filter((seq = 0) => seq % 50 > 0)).toEqual(kept)
    },
  )

  it('fetches the footer again where a segment was rewritten among its blocks', async () => {
    await using server = await fakeArchive({
      events: 2400,
      rowsPerBlock: 2,
      blocksPerSegment: 1200,
    })
    const gaps: Gap[] = []
    const seqs = new Set<number>()
    const isRemoved = (seq = 0) => seq > 2000 && seq % 5 === 0
    const read$ = archive$({
      host: server.host,
      collections: ['app.bsky.feed.post'],
      kinds: ['commit'],
      verify: 'footer',
      gaps: { next: (gap) => gaps.push(gap) },
    })
    await lastValueFrom(
      read$.pipe(
        tap(({ cursor = 0 }) => {
          // No more than 32 requests are on their way: most blocks come after this.
          if (seqs.size === 0) server.compact(({ seq }) => isRemoved(seq))
          seqs.add(cursor)
        }),
      ),
    )
    const lost = server.events.filter(
      (event) =>
        event.kind === 'commit' &&
        event.commit.collection === 'app.bsky.feed.post' &&
        !isRemoved(event.cursor) &&
        !seqs.has(event.cursor ?? 0),
    )
    expect(lost).toEqual([])
    expect(gaps).toEqual([])
    const footers = server.requests.filter(({ headers }) => headers.range === 'bytes=0-255')
    expect(footers.length).toBeGreaterThan(0)
  })

  it('verifies single blocks too', async () => {
    const config = { kinds: ['account'] as const, verify: 'footer' as const }
    const plain = await read([], { kinds: ['account'] })
    const { seqs, gaps, requests } = await read([], config)
    expect(seqs).toEqual(plain.seqs)
    expect(gaps).toEqual([])
    expect(requests.some(({ url }) => url.includes('getBlock'))).toBe(true)
    expect(requests.some(({ headers }) => headers.range === 'bytes=0-255')).toBe(true)
  })

  it('is refused in another form', () => {
    const verify = 'blocks' as never
    expect(() => archive$({ host: 'a.example', verify })).toThrow(ConfigError)
    expect(() => jetstream$({ host: 'a.example', archive: { verify } })).toThrow(ConfigError)
    expect(() => jetstream$({ host: 'a.example', archive: { verify: 'footer' } })).not.toThrow()
  })
})
