import type { Wanted } from '../../atproto/filters.js'
import { CID_BYTES, expected, ShapeReader, type Span } from '../../atproto/shape-reader.js'
import { timeUs } from '../../atproto/time.js'
import { internAscii } from '../../internal/intern-ascii.js'
import { sliceAscii, sliceable } from '../../internal/slice-text.js'
import type { Op } from './commit.js'
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
const NONE = -1

const actions = internAscii()
const collections = internAscii()

/** Where the parts of one operation are in the frame. */
class OpOutline {
  path = 0
  slash = 0
  pathEnd = 0
  cid = NONE
  prev = NONE
  action = 0
  actionEnd = 0
}

const NOTHING = new Uint8Array()

/**
 * Where the parts of a `#commit` of the usual shape are in its frame: every member that the lexicon
 * requires, in the one order that DAG-CBOR allows, and none that a server has added. One outline
 * serves for any number of frames: nothing is made of a commit before it is known to be wanted.
 */
export class CommitOutline {
  seq = 0
  #reader = new ShapeReader(NOTHING)
  #tooBig = false
  readonly #ops: OpOutline[] = []
  #count = 0
  #rev = 0
  #revEnd = 0
  #did = 0
  #didEnd = 0
  #time = 0
  #timeEnd = 0
  #since = NONE
  #sinceEnd = 0
  #blocks = 0
  #blocksEnd = 0
  #commit = 0

  /** Whether the frame is a commit of that shape. Any other is left to the decoder. */
  read(frame: Uint8Array): boolean {
    const reader = new ShapeReader(frame)
    this.#reader = reader
    return reader.passes(HEADER) && this.#readBody(reader)
  }

  /**
   * Whether an operation is wanted, or may be: a commit that was too big can be a sync event.
   * `byDid`: whether `wanted` looks at the DID, whose text is not made else.
   */
  mayBeWanted(wanted: Wanted, byDid: boolean): boolean {
    if (this.#tooBig) return true
    const did = byDid ? this.#text(this.#did, this.#didEnd) : ''
    for (let i = 0; i < this.#count; i += 1)
      if (wanted('commit', did, this.#collectionOf(this.#ops[i] as OpOutline))) return true
    return false
  }

  /** The message, of this frame or of a copy of it. */
  message(frame: Uint8Array): Message {
    const bytes = sliceable(frame)
    const ops: Op[] = []
    for (let i = 0; i < this.#count; i += 1) ops.push(this.#op(this.#ops[i] as OpOutline, bytes))
    return this.#messageWith(frame, {
      rev: this.#text(this.#rev, this.#revEnd),
      since: this.#since === NONE ? undefined : this.#text(this.#since, this.#sinceEnd),
      tooBig: this.#tooBig,
      commit: cidAt(bytes, this.#commit),
      blocks: { bytes, from: this.#blocks, to: this.#blocksEnd },
      ops,
      added: undefined,
    })
  }

  /** The message of which nothing is wanted: all that positions and repeats need. */
  unwanted(): Message {
    const rev = this.#text(this.#rev, this.#revEnd)
    return this.#messageWith(this.#reader.bytes, { rev, ops: [], tooBig: false })
  }

  #messageWith(frame: Uint8Array, body: Message['body']): Message {
    const time = this.#text(this.#time, this.#timeEnd)
    const did = this.#text(this.#did, this.#didEnd)
    return { kind: 'commit', did, seq: this.seq, time, time_us: timeUs(time), body, frame }
  }

  #readBody(reader: ShapeReader): boolean {
    const members = reader.head(MAP)
    reader.pass(OPS)
    this.#readOps(reader)
    reader.pass(REV)
    this.#rev = reader.passText()
    this.#revEnd = reader.at
    reader.pass(SEQ)
    this.seq = reader.head(UNSIGNED)
    reader.pass(REPO)
    this.#did = reader.passText()
    this.#didEnd = reader.at
    reader.pass(TIME)
    this.#time = reader.passText()
    this.#timeEnd = reader.at
    reader.pass(BLOBS)
    passLinks(reader)
    reader.pass(SINCE)
    this.#since = reader.isNull() ? NONE : reader.passText()
    this.#sinceEnd = reader.at
    reader.pass(BLOCKS)
    this.#blocks = reader.passBytes()
    this.#blocksEnd = reader.at
    reader.pass(COMMIT)
    this.#commit = reader.passLink()
    reader.pass(REBASE)
    reader.boolean()
    reader.pass(TOO_BIG)
    this.#tooBig = reader.boolean()
    let known = 11
    if (reader.passes(PREV_DATA)) {
      known += 1
      reader.passLinkOrNull()
    }
    return reader.isUsual && reader.isAtEnd && members === known
  }

  #readOps(reader: ShapeReader): void {
    const count = reader.head(ARRAY)
    if (count > MAX_ITEMS) reader.isUsual = false
    this.#count = count
    for (let i = 0; i < count && reader.isUsual; i += 1) {
      this.#ops[i] ??= new OpOutline()
      readOp(reader, this.#ops[i] as OpOutline)
    }
  }

  #op(op: OpOutline, bytes: Uint8Array): Op {
    return {
      action: actions(bytes, op.action, op.actionEnd),
      collection: this.#collectionOf(op),
      rkey: op.slash === op.pathEnd ? '' : this.#text(op.slash + 1, op.pathEnd),
      cid: op.cid === NONE ? undefined : cidAt(bytes, op.cid),
      prev: op.prev === NONE ? undefined : cidAt(bytes, op.prev),
      added: undefined,
    }
  }

  #collectionOf({ path, slash }: OpOutline): string {
    return collections(this.#reader.bytes, path, slash)
  }

  #text(from: number, to: number): string {
    return sliceAscii(this.#reader.bytes, from, to)
  }
}

const cidAt = (bytes: Uint8Array, from: number): Span => ({ bytes, from, to: from + CID_BYTES })

function readOp(reader: ShapeReader, op: OpOutline): void {
  const members = reader.head(MAP)
  let known = 2
  op.cid = NONE
  op.prev = NONE
  if (reader.passes(CID)) {
    known += 1
    op.cid = reader.passLinkOrNull()
  }
  reader.pass(PATH)
  op.path = reader.passText()
  op.pathEnd = reader.at
  op.slash = slashIn(reader.bytes, op.path, op.pathEnd)
  if (reader.passes(PREV)) {
    known += 1
    op.prev = reader.passLinkOrNull()
  }
  reader.pass(ACTION)
  op.action = reader.passText()
  op.actionEnd = reader.at
  if (members !== known) reader.isUsual = false
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
  for (let i = 0; i < count && reader.isUsual; i += 1) reader.passLink()
}
