import { expected, ShapeReader, type Span } from '../../atproto/shape-reader.js'
import { timeUs } from '../../atproto/time.js'
import { internAscii } from '../../internal/intern-ascii.js'
import { sliceAscii } from '../../internal/slice-text.js'
import type { Commit, Op } from './commit.js'
import type { Message } from './message.js'

const [UNSIGNED, ARRAY, MAP] = [0, 4, 5]

// `{ t: '#commit', op: 1 }`
const HEADER = Uint8Array.of(0xa2, ...expected('t'), ...expected('#commit'), ...expected('op'), 1)

const OPS = expected('ops')
const REV = expected('rev')
const SEQ = expected('seq')
const REPO = expected('repo')
const TIME = expected('time')
const BLOBS = expected('blobs')
const SINCE = expected('since')
const BLOCKS = expected('blocks')
const COMMIT = expected('commit')
const REBASE = expected('rebase')
const TOO_BIG = expected('tooBig')
const PREV_DATA = expected('prevData')
const CID = expected('cid')
const PATH = expected('path')
const PREV = expected('prev')
const ACTION = expected('action')

// The lexicon allows 200 operations. With so few the bounds on content cannot be exceeded.
const MAX_ITEMS = 1000
const SLASH = 0x2f

const actions = internAscii()
const collections = internAscii()

/**
 * Reads a `#commit` of the usual shape: every member that the lexicon requires, in the one order
 * that DAG-CBOR allows, and none that a server has added. It costs half of decoding the frame, and
 * returns the same message. Returns `undefined` for any other frame, which `readMessage` then reads
 * or rejects.
 */
export function skimCommit(frame: string | Uint8Array): Message | undefined {
  if (typeof frame === 'string') return undefined
  const reader = new ShapeReader(frame)
  return reader.passes(HEADER) ? readBody(reader, frame) : undefined
}

function readBody(reader: ShapeReader, frame: Uint8Array): Message | undefined {
  const members = reader.head(MAP)
  reader.pass(OPS)
  const ops = readOps(reader)
  reader.pass(REV)
  const rev = reader.text()
  reader.pass(SEQ)
  const seq = reader.head(UNSIGNED)
  reader.pass(REPO)
  const did = reader.text()
  reader.pass(TIME)
  const time = reader.text()
  reader.pass(BLOBS)
  passLinks(reader)
  reader.pass(SINCE)
  const since = reader.isNull() ? undefined : reader.text()
  reader.pass(BLOCKS)
  const blocks = reader.byteString()
  reader.pass(COMMIT)
  const commit = reader.link()
  reader.pass(REBASE)
  reader.boolean()
  reader.pass(TOO_BIG)
  const tooBig = reader.boolean()
  let known = 11
  if (reader.passes(PREV_DATA)) {
    known += 1
    reader.linkOrNull()
  }
  if (!reader.isUsual || !reader.isAtEnd || members !== known) return undefined
  const body: Commit = { rev, since, tooBig, commit, blocks, ops, added: undefined }
  return { kind: 'commit', did, seq, time, time_us: timeUs(time), body, frame }
}

function readOps(reader: ShapeReader): readonly Op[] {
  const ops: Op[] = []
  const count = reader.head(ARRAY)
  if (count > MAX_ITEMS) reader.isUsual = false
  for (let i = 0; i < count && reader.isUsual; i += 1) ops.push(readOp(reader))
  return ops
}

function readOp(reader: ShapeReader): Op {
  const members = reader.head(MAP)
  let known = 2
  let cid: Span | undefined
  let prev: Span | undefined
  if (reader.passes(CID)) {
    known += 1
    cid = reader.linkOrNull()
  }
  reader.pass(PATH)
  const from = reader.passText()
  const { bytes, at } = reader
  const slash = slashIn(bytes, from, at)
  const collection = collections(bytes, from, slash)
  const rkey = slash === at ? '' : sliceAscii(bytes, slash + 1, at)
  if (reader.passes(PREV)) {
    known += 1
    prev = reader.linkOrNull()
  }
  reader.pass(ACTION)
  const action = actions(bytes, reader.passText(), reader.at)
  if (members !== known) reader.isUsual = false
  return { action, collection, rkey, cid, prev, added: undefined }
}

/** Where the first slash of a path is, or the path ends. */
function slashIn(path: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && path[at] !== SLASH) at += 1
  return at
}

function passLinks(reader: ShapeReader): void {
  const count = reader.head(ARRAY)
  if (count > MAX_ITEMS) reader.isUsual = false
  for (let i = 0; i < count && reader.isUsual; i += 1) reader.link()
}
