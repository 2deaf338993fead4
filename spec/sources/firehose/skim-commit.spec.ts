import { encode, toBytes } from '@atcute/cbor'
import fc from 'fast-check'
import { FrameError, ServerError } from '../../../src/index.js'
import { skimCommit } from '../../../src/sources/firehose/skim-commit.js'
import { encodeMessage } from '../../../src/testing/event-stream/firehose-message.js'
import { generateCommits } from '../../../src/testing/generate/commits.js'
import { framesOf } from '../../helpers/recordings.js'
import { runs } from '../../helpers/thick.js'
import {
  commitBody,
  commitFrame,
  frameOf,
  identityFrame,
  join,
  linkTo,
  read,
  type WrittenOp,
} from './frames.js'

const FLAWS = ['missing-block', 'wrong-block', 'too-big', 'same-path'] as const
const GENERATED = [
  ...generateCommits({
    seed: 7,
    count: 200,
    flaws: FLAWS.map((flaw, n) => ({ do: flaw, every: 7 + 2 * n })),
  }),
].map(encodeMessage)
const RECORDED = framesOf('local/firehose_frames.bin')

const OP: WrittenOp = { action: 'create', path: 'app.bsky.feed.post/a', record: { text: 'a' } }
const link = linkTo(encode({ text: 'before' }))

/** Frames that `read` reads in both ways, and compares. */
const isSkimmed = (frame: Uint8Array): boolean => {
  read(frame)
  return skimCommit(frame) !== undefined
}

describe('a commit of the usual shape is skimmed, and is what the decoder makes of it:', () => {
  it.each<[string, readonly Uint8Array[]]>([
    ['those of a generator', GENERATED],
    ['those of a PDS', RECORDED],
  ])('%s', (_, frames) => {
    const commits = frames.filter((frame) => Buffer.from(frame).includes('#commit'))
    expect(commits.filter(isSkimmed)).toHaveLength(commits.length)
  })

  it.each<[string, object, (readonly WrittenOp[])?]>([
    ['without operations', {}, []],
    ['with a revision before', { since: 'rev6' }],
    ['with previous data', { prevData: link }],
    ['with previous data that is null', { prevData: null }],
    ['too big', { tooBig: true }],
    ['a rebase', { rebase: true }],
    ['with blobs', { blobs: [link, link] }],
    ['with empty blocks', { blocks: toBytes(new Uint8Array()) }],
    ['at the last position', { seq: Number.MAX_SAFE_INTEGER }],
    ['with a previous record', {}, [{ ...OP, prev: link }]],
    ['with an action of tomorrow', {}, [{ ...OP, action: 'merge' }]],
    ['with an empty action and path', {}, [{ action: '', path: '' }]],
    ['with a path of 1,000 letters', {}, [{ ...OP, path: `${'a'.repeat(998)}/b` }]],
    ['with 1,000 operations', {}, Array(1000).fill({ action: 'delete', path: 'a.b.c/d' })],
  ])('one %s', (_, changes, ops = [OP]) => {
    expect(isSkimmed(commitFrame(7, ops, changes))).toBe(true)
  })
})

describe('any other frame is left to the decoder:', () => {
  const { rev: _rev, ...withoutRev } = commitBody(7, [OP])
  const { blobs: _blobs, ...withoutBlobs } = commitBody(7, [OP])
  const good = commitFrame(7, [OP])

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['another message', identityFrame(7)],
    ['a commit of another operation', frameOf('#commit', commitBody(7, [OP]), 2)],
    ['a member that a server added', commitFrame(7, [OP], { epoch: 3 })],
    ['a member that a server added to an operation', commitFrame(7, [{ ...OP, why: 1 } as never])],
    ['a commit without its revision', frameOf('#commit', withoutRev)],
    ['a commit without its blobs', frameOf('#commit', withoutBlobs)],
    ['a path that is not ASCII', commitFrame(7, [{ ...OP, path: 'a.b.c/é' }])],
    ['a long path', commitFrame(7, [{ ...OP, path: 'a'.repeat(1001) }])],
    ['blocks that are null', commitFrame(7, [OP], { blocks: null })],
    ['a CID that is none', commitFrame(7, [{ ...OP, cid: 'none' } as never])],
    ['a position below 0', commitFrame(7, [OP], { seq: -1 })],
    ['a position that is no number', commitFrame(7, [OP], { seq: 'seven' })],
    ['1,001 operations', commitFrame(7, Array(1001).fill({ action: 'delete', path: 'a.b.c/d' }))],
    ['a frame that goes on', join(good, Uint8Array.of(0))],
  ])('%s', (_, frame) => {
    expect(skimCommit(frame)).toBeUndefined()
  })

  it('one that is cut off, anywhere', () => {
    for (let length = 0; length < good.length; length += 1)
      expect(skimCommit(good.slice(0, length))).toBeUndefined()
  })

  it.each(['ops', 'cid'])('one whose map says that it has more members, or fewer: %s', (first) => {
    const head = Buffer.from(good).indexOf(first) - 2
    for (const change of [1, -1]) {
      const wrong = good.map((byte, at) => (at === head ? byte + change : byte))
      expect(skimCommit(wrong)).toBeUndefined()
      expect(() => read(wrong)).toThrow(FrameError)
    }
  })

  it('one whose numbers are not as short as can be', () => {
    const bytes = Buffer.from(commitFrame(7, [OP], { seq: 7 }))
    const seq = bytes.indexOf(Buffer.from([0x63, ...Buffer.from('seq'), 7])) + 4
    for (const number of [
      [0x18, 7],
      [0x19, 0, 7],
      [0x1a, 0, 0, 0, 7],
      [0x1b, 0, 0, 0, 0, 0, 0, 0, 7],
    ]) {
      const long = join(bytes.subarray(0, seq), Uint8Array.from(number), bytes.subarray(seq + 1))
      expect(skimCommit(long)).toBeUndefined()
      expect(() => read(long)).toThrow(FrameError)
    }
  })
})

it('a frame with errors in it is read alike, or rejected alike', () => {
  const frames = [...GENERATED, ...RECORDED].filter(({ length }) => length < 5000)
  let skimmed = 0
  const property = fc.property(
    fc.constantFrom(...frames),
    fc.array(fc.tuple(fc.nat(9999), fc.nat(255)), { minLength: 1, maxLength: 3 }),
    fc.boolean(),
    (bytes, changes, isAtHead) => {
      const broken = bytes.slice()
      const range = isAtHead ? Math.min(500, broken.length) : broken.length
      for (const [at, byte] of changes) broken[at % range] = byte
      try {
        if (isSkimmed(broken)) skimmed += 1
      } catch (error) {
        if (!(error instanceof FrameError || error instanceof ServerError)) throw error
      }
    },
  )
  fc.assert(property, { seed: 20261130, numRuns: runs(1500, 8000) })
  expect(skimmed).toBeGreaterThan(100)
})
