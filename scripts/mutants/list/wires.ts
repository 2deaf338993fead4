import type { Mutant } from '../mutant.js'

/** What strangers send, and how it is asked for. */
export const WIRES: readonly Mutant[] = [
  {
    name: 'a chunk has events at one position',
    file: 'src/sources/jetstream/raw/gatherer.ts',
    find: 'const moves = position > this.#seen',
    replace: 'const moves = position >= this.#seen',
    specs: ['spec/sources/jetstream/gatherer.spec.ts'],
  },
  {
    name: 'the last event of a chunk is forgotten where it is filtered',
    file: 'src/sources/jetstream/raw/gatherer.ts',
    find: 'this.#hiddenTo = to\n',
    replace: 'this.#hiddenTo = 0\n',
    specs: ['spec/sources/jetstream/gatherer.spec.ts'],
  },
  {
    name: 'events of a chunk are not judged by themselves after a reconnect',
    file: 'src/live/cursor-progress.ts',
    find: 'return this.question !== undefined || this.#begun !== undefined',
    replace: 'return false',
    specs: ['spec/sources/jetstream/chunks.spec.ts'],
  },
  {
    name: 'a chunk stands at its last event',
    file: 'src/delivery/ledger.ts',
    find: 'super(ledger, event, ordinal, host, first.position, first.time_us, 0)',
    replace: 'super(ledger, event, ordinal, host, range.last.position, range.last.time_us, 0)',
    specs: ['spec/sources/jetstream/chunks.spec.ts'],
  },
  {
    name: 'the body of a refusal is read to its end: it has no bound',
    file: 'src/socket/node-handshake.ts',
    find: 'if (size >= REFUSAL_BYTES) finish()',
    replace: '',
    specs: ['spec/socket/node.spec.ts'],
  },
  {
    name: 'more of a refusal is kept than its bound',
    file: 'src/socket/node-handshake.ts',
    find: 'Buffer.concat(chunks).subarray(0, REFUSAL_BYTES)',
    replace: 'Buffer.concat(chunks)',
    specs: ['spec/socket/node.spec.ts'],
  },
  {
    name: 'the answer to a request has no bound',
    file: 'src/internal/read-body.ts',
    find: 'if (size <= max) continue',
    replace: 'if (size >= 0) continue',
    specs: ['spec/sources/repos/faults.spec.ts'],
  },
  {
    name: 'a listing follows a redirect with our headers',
    file: 'src/sources/repos/fetch-page.ts',
    find: "redirect: 'manual'",
    replace: "redirect: 'follow'",
    specs: ['spec/sources/repos/faults.spec.ts'],
  },
  {
    name: 'a record of another hash is emitted as the one that its CID names',
    file: 'src/sources/firehose/record-finder.ts',
    find: "if (!isCidOf(cid, block)) return { problem: 'record-mismatch' }",
    replace: '',
    specs: ['spec/sources/firehose/events.spec.ts'],
  },
  {
    name: 'a record that was overwritten takes its problem with it',
    file: 'src/internal/lazy-record.ts',
    find: 'owner.#problem = LazyRecord.find(owner, owner.#find)',
    replace: 'LazyRecord.find(owner, owner.#find)',
    specs: ['spec/sources/firehose/found-late.spec.ts'],
  },
  {
    name: 'a number that is longer than it need be is skimmed',
    file: 'src/atproto/shape-reader.ts',
    find: 'argument >= (SHORTEST[info - 24] as number) && Number.isSafeInteger(argument)',
    replace: 'Number.isSafeInteger(argument)',
    specs: ['spec/sources/firehose/skim-commit.spec.ts'],
  },
  {
    name: 'an operation that says it has other members is skimmed',
    file: 'src/sources/firehose/skim-commit.ts',
    find: 'if (members !== known) reader.isUsual = false',
    replace: '',
    specs: ['spec/sources/firehose/skim-commit.spec.ts'],
  },
  {
    name: 'a schema is asked for a record that is not there',
    file: 'src/atproto/records.ts',
    find: 'if (record === undefined) return undefined',
    replace: '',
    specs: ['spec/sources/firehose/found-late.spec.ts'],
  },
  {
    name: 'two revisions of one record are one event',
    file: 'src/sources/jetstream/identity.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the code's own text
    find: '${rev} ${collection}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the code's own text
    replace: '${collection}',
    specs: [
      'spec/live/resume.spec.ts',
      'spec/traps/positions.spec.ts',
      'spec/sources/jetstream/v1.spec.ts',
    ],
  },
  {
    name: 'the page of a listing is saved before its repos are done',
    file: 'src/sources/repos/listing.ts',
    find: 'this.#pages.position(this.#stream.ledger.frontier?.event.page)',
    replace: 'this.#pages.position(undefined)',
    specs: ['spec/sources/repos/checkpoint.spec.ts'],
  },
  {
    name: 'a listing that goes round never ends',
    file: 'src/sources/repos/repeat-detector.ts',
    find: 'for (const seen of [this.#last, this.#reference]) compare(fingerprint, seen)',
    replace: '',
    specs: ['spec/sources/repos/repeat-detector.spec.ts'],
  },
]
