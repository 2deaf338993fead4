import { encode } from '@atcute/cbor'
import { recordChecker } from '../../../src/atproto/records.js'
import { FrameError } from '../../../src/index.js'
import { type Message, readMessage } from '../../../src/sources/firehose/message.js'
import { RecordFinder } from '../../../src/sources/firehose/record-finder.js'
import {
  commitBody,
  commitFrame,
  commitsIn,
  eventsIn,
  eventsOf,
  frameOf,
  linkTo,
  type WrittenOp,
} from './frames.js'

const OPS: readonly WrittenOp[] = ['one', 'two'].map((text) => ({
  action: 'create',
  path: `app.bsky.feed.post/${text}`,
  record: { text },
}))

/** Overwrites a text in the frame by another of the same length, as no server can. */
function tamper(frame: Uint8Array, text: string, other: string): void {
  const at = Buffer.from(frame.buffer, frame.byteOffset, frame.length).indexOf(text)
  expect(at).toBeGreaterThan(0)
  frame.set(Buffer.from(other), at)
}

type Touched = { record: unknown; problem: unknown }
const touchedIn = (frame: Uint8Array) => commitsIn(frame) as unknown as readonly Touched[]

/** Two commits, and their blocks damaged after the events were made. */
function damagedLater(): readonly Touched[] {
  const frame = commitFrame(7, OPS)
  const commits = eventsOf(readMessage(frame) as Message).map(
    (event) => (event as unknown as { commit: Touched }).commit,
  )
  tamper(frame, 'dtextcone', 'dtextcONE')
  return commits
}

describe('a record and its problem', () => {
  it('are not looked up before one of them is read', () => {
    const find = jest.spyOn(RecordFinder.prototype, 'find')
    try {
      const [one, two] = damagedLater()
      expect(find).not.toHaveBeenCalled()
      expect([one?.problem, two?.problem]).toEqual(['record-mismatch', undefined])
      expect(find).toHaveBeenCalledTimes(2)
    } finally {
      find.mockRestore()
    }
  })

  it.each<[string, (commit: Touched) => unknown]>([
    ['record is read', (commit) => commit.record],
    ['problem is read', (commit) => commit.problem],
  ])('are looked up once: when %s', (_, touch) => {
    const frame = commitFrame(7, OPS)
    const [one] = touchedIn(frame)
    if (one === undefined) throw new Error('there is no event')
    touch(one)
    frame.set(new Uint8Array(frame.length))
    expect(one.problem).toBeUndefined()
  })

  it('of the first operation and the last are the same, whichever is read first', () => {
    const texts = (commits: readonly Touched[]) => commits.map(({ record }) => record)
    const expected = [{ text: 'one' }, { text: 'two' }]
    expect(texts(touchedIn(commitFrame(7, OPS)))).toEqual(expected)
    expect(texts([...touchedIn(commitFrame(7, OPS))].reverse()).reverse()).toEqual(expected)
  })

  it('keep each other: what one is set to does not change the other', () => {
    const [one, two] = damagedLater()
    if (one === undefined || two === undefined) throw new Error('there are no events')
    one.record = 'mine'
    expect(one).toMatchObject({ record: 'mine', problem: 'record-mismatch' })
    two.problem = 'mine'
    expect(two).toMatchObject({ record: { text: 'two' }, problem: 'mine' })
  })

  it('are known at once where the blocks say nothing: no CID, and a path that is none', () => {
    const ops = [
      { action: 'create', path: 'a.b.c/1', cid: null },
      { action: 'create', path: 'nothing', cid: linkTo(encode({ text: 'one' })) },
      { action: 'delete', path: 'nothing', cid: null },
    ]
    const frame = frameOf('#commit', commitBody(7, OPS, { ops }))
    const plain = (commit: object) => Object.getOwnPropertyDescriptor(commit, 'problem')?.value
    expect(commitsIn(frame).map(plain)).toEqual([
      'record-missing',
      'path-malformed',
      'path-malformed',
    ])
    expect(commitsIn(frame).map(({ record }) => record)).toEqual([
      undefined,
      { text: 'one' },
      undefined,
    ])
  })

  it('are no concern of a schema where the record is not there', () => {
    const validate = () => ({ issues: [{ message: 'must not be asked' }] })
    const schema = { '~standard': { version: 1 as const, vendor: 'spec', validate } }
    const { check } = recordChecker({ 'app.bsky.feed.post': schema })
    const frame = commitFrame(7, OPS, { blocks: null })
    expect(eventsIn(frame).map(check)).toEqual([undefined, undefined])
    expect(eventsIn(commitFrame(7, OPS)).map(check)).toEqual([
      expect.any(FrameError),
      expect.any(FrameError),
    ])
  })

  it('are never those that a server adds to an operation', () => {
    const ops = OPS.map((op) => ({ ...op, problem: 'no' }))
    expect(commitsIn(commitFrame(7, ops)).map(({ problem }) => problem)).toEqual([
      undefined,
      undefined,
    ])
  })
})
