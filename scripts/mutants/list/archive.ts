import type { Mutant } from '../mutant.js'

const FOLDER = 'src/sources/jetstream/archive'
const ROWS = 'spec/sources/jetstream/archive/rows.spec.ts'
const DAMAGE = 'spec/sources/jetstream/archive/damage.spec.ts'
const FAULTS = 'spec/sources/jetstream/archive/faults.spec.ts'
const WHOLE = 'spec/sources/jetstream/archive/archive.spec.ts'
const VERIFY = 'spec/sources/jetstream/archive/verify.spec.ts'
const CUT_OVER = 'spec/sources/jetstream/archive/cut-over.spec.ts'

/** How the archive is read, and how a stream goes on from it. */
export const ARCHIVE: readonly Mutant[] = [
  {
    name: 'the repeat of an event of the archive is waited for',
    file: 'src/live/cursor-answer.ts',
    find: "  if (held.needNotRepeat) return 'new'\n",
    replace: '',
    specs: [CUT_OVER],
  },
  {
    name: 'the archive is not passed without an event',
    file: 'src/live/cursor-progress.ts',
    find: 'this.#received.pass(host, position, time_us)',
    replace: '',
    specs: [CUT_OVER],
  },
  {
    name: 'a socket that begins right after the tip is refused',
    file: `${FOLDER}/archive-or-socket.ts`,
    find: 'floor === last.position + 1',
    replace: 'floor === last.position',
    specs: [CUT_OVER],
  },
  {
    name: 'bytes of two generations are joined',
    file: `${FOLDER}/fetch-bytes.ts`,
    find: 'if (tag !== undefined && etag !== undefined && tag !== etag) throw new Rewritten(tag)',
    replace: '',
    specs: [FAULTS],
  },
  {
    name: 'a body that ends early is the whole',
    file: `${FOLDER}/fetch-bytes.ts`,
    find: 'if (total !== undefined && body.length < end - from) throw endedEarly(name)',
    replace: '',
    specs: [FAULTS],
  },
  {
    name: 'a range is fetched from its beginning again',
    file: `${FOLDER}/fetch-bytes.ts`,
    find: 'const first = from + body.length',
    replace: 'const first = from',
    specs: [FAULTS],
  },
  {
    name: 'a block that is damaged is fetched once',
    file: `${FOLDER}/downloads.ts`,
    find: 'export const MAX_FETCHES = 5',
    replace: 'export const MAX_FETCHES = 1',
    specs: [FAULTS],
  },
  {
    name: 'what cannot be read is not told',
    file: `${FOLDER}/replay.ts`,
    find: 'if (range !== undefined && to >= range.from)',
    replace: 'if (range !== undefined && to < range.from)',
    specs: [FAULTS],
  },
  {
    name: 'a segment that is gone ends the stream',
    file: `${FOLDER}/replay.ts`,
    find: 'error.status !== 404) throw error',
    replace: 'error.status === 404) throw error',
    specs: [FAULTS],
  },
  {
    name: 'rows before the position come again',
    file: `${FOLDER}/connection.ts`,
    find: 'if (block.seq <= after || !rows.wants(block)) continue',
    replace: 'if (!rows.wants(block)) continue',
    specs: [WHOLE],
  },
  {
    name: 'a full queue does not stop the archive',
    file: `${FOLDER}/connection.ts`,
    find: 'if (this.#resumed !== undefined) await this.#resumed\n',
    replace: '',
    specs: [WHOLE],
  },
  {
    name: 'a plan that does not move goes on for ever',
    file: `${FOLDER}/plan.ts`,
    find: 'if (this.#still >= MAX_STILL_PLANS)',
    replace: 'if (this.#still >= 1000 * MAX_STILL_PLANS)',
    specs: [FAULTS],
  },
  {
    name: 'a frame without a checksum is taken',
    file: 'src/zstd/plain-inflater.ts',
    find: 'if (!readFrameHeader(frame).hasChecksum)',
    replace: 'if (readFrameHeader(frame).bytes < 0)',
    specs: [DAMAGE],
  },
  {
    name: 'members of a record are in the order of CBOR',
    file: 'src/atproto/cbor-json.ts',
    find: 'while (to > 0 && this.#isBefore(name, names[to - 1] as string)) {',
    replace: 'while (to > this.#end && this.#isBefore(name, names[to - 1] as string)) {',
    specs: [ROWS],
  },
  {
    name: 'a footer is taken as it is',
    file: `${FOLDER}/footer.ts`,
    find: 'if (hash !== BigInt(',
    replace: 'if (hash === 0n && hash !== BigInt(',
    specs: [VERIFY],
  },
  {
    name: 'a footer of an older generation stays',
    file: `${FOLDER}/replay.ts`,
    find: 'if (read instanceof Block) this.#footers?.again(segment).catch(() => {})',
    replace: '',
    specs: [VERIFY],
  },
  {
    name: 'a position that was passed is stored without its time',
    file: 'src/live/received.ts',
    find: 'time_us === 0 ? position : -1',
    replace: 'position',
    specs: [WHOLE],
  },
  {
    name: 'another host is asked for a time before all times',
    file: 'src/live/cursor-requests.ts',
    find: 'Math.max(oldest, held.time_us - rewindUs(rewinds))',
    replace: 'held.time_us - rewindUs(rewinds)',
    specs: [CUT_OVER],
  },
]
