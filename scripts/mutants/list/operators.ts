import type { Mutant } from '../mutant.js'

const QUEUEING = ['spec/operators/bounded-merge-map.spec.ts', 'spec/operators/queueing.spec.ts']

/** Queues in front of work, and what becomes of what they hold. */
export const OPERATORS: readonly Mutant[] = [
  {
    name: 'what waits at the end counts as done',
    file: 'src/operators/bounded-work.ts',
    find: "item.holding?.queued(-1)\n      this.#settle(item, 'failed')",
    replace: "item.holding?.queued(-1)\n      this.#settle(item, 'done')",
    specs: QUEUEING,
  },
  {
    name: 'a thenable that settles twice ends the next item',
    file: 'src/operators/bounded-work.ts',
    find: 'this.#concurrency === 1 && work.then === Promise.prototype.then',
    replace: 'this.#concurrency === 1 && work instanceof Promise',
    specs: ['spec/operators/ingest.spec.ts'],
  },
  {
    name: 'a value that nobody receives counts as done',
    file: 'src/operators/bounded-work.ts',
    find: 'if (this.#isAbandoned && this.work.result === undefined && result !== undefined)',
    replace: 'if (false as boolean)',
    specs: ['spec/operators/bounded-merge-map.spec.ts', 'spec/operators/with-deleted.spec.ts'],
  },
  {
    name: 'what a source sends when it is resumed at the end counts as done',
    file: 'src/operators/routed-work.ts',
    find: 'if (destination.closed)',
    replace: 'if (false as boolean)',
    specs: ['spec/operators/ingest.spec.ts'],
  },
  {
    name: 'work that is cut counts as done',
    file: 'src/operators/bounded-work.ts',
    find: "for (const item of this.#cancellable) this.#settle(item, 'failed')",
    replace: "for (const item of this.#cancellable) this.#settle(item, 'done')",
    specs: QUEUEING,
  },
  {
    name: 'work that failed counts as done',
    file: 'src/operators/bounded-work.ts',
    find: "item.slowTimer?.unsubscribe()\n    this.#settle(item, 'failed')",
    replace: "item.slowTimer?.unsubscribe()\n    this.#settle(item, 'done')",
    specs: QUEUEING,
  },
  {
    name: 'a drop counts as done',
    file: 'src/operators/bounded-work.ts',
    find: "this.#settle(item, 'dropped')",
    replace: "this.#settle(item, 'done')",
    specs: QUEUEING,
  },
  {
    name: 'a full queue does not pause its source',
    file: 'src/operators/bounded-work.ts',
    find: 'this.#sources.pause()',
    replace: '',
    specs: QUEUEING,
  },
  {
    name: 'a queue that ends leaves its source paused',
    file: 'src/operators/bounded-work.ts',
    find:
      "for (const item of this.#cancellable) this.#settle(item, 'failed')\n" +
      '    this.#sources.resume()',
    replace: "for (const item of this.#cancellable) this.#settle(item, 'failed')",
    specs: QUEUEING,
  },
  {
    name: 'a result is emitted outside the delivery of its value',
    file: 'src/operators/bounded-work.ts',
    find: 'const outer = enter(item.holding)\n    try {\n      this.destination.next(result)',
    replace: 'const outer = enter(undefined)\n    try {\n      this.destination.next(result)',
    specs: QUEUEING,
  },
  {
    name: 'one more runs than concurrency allows',
    file: 'src/operators/bounded-work.ts',
    find: 'this.#running < this.#concurrency',
    replace: 'this.#running <= this.#concurrency',
    specs: QUEUEING,
  },
  {
    name: 'the values of a batch that is abandoned are done',
    file: 'src/operators/bounded-batch-map.ts',
    find: "for (const holding of this.#holdings.splice(0)) holding.release('failed')",
    replace: "for (const holding of this.#holdings.splice(0)) holding.release('done')",
    specs: ['spec/operators/bounded-batch-map.spec.ts'],
  },
  {
    name: 'work below held that is cut counts as done',
    file: 'src/operators/held.ts',
    find: 'destination.add(() => release.failed())',
    replace: 'destination.add(() => release())',
    specs: ['spec/operators/held.spec.ts'],
  },
  {
    name: 'a dead letter that fails is swallowed',
    file: 'src/operators/ingest.ts',
    find: "catchError((cause) => failed('dead letter', cause))",
    replace: 'catchError(() => EMPTY)',
    specs: ['spec/operators/ingest-failures.spec.ts'],
  },
  {
    name: 'a failed ingestor is not tried again',
    file: 'src/operators/ingest.ts',
    find: "onError === 'retry' ? attempts - 1 : 0",
    replace: '0',
    specs: ['spec/operators/ingest-failures.spec.ts'],
  },
  {
    name: 'completion does not wait for the checkpoint',
    file: 'src/operators/sources.ts',
    find: 'saving.length === 0 ? EMPTY',
    replace: 'saving.length >= 0 ? EMPTY',
    specs: ['spec/operators/sources.spec.ts'],
  },
  {
    name: 'a last save that fails is not tried again',
    file: 'src/operators/sources.ts',
    find: 'willPass(error) ? timer(RETRY_MS) : throwError(() => error)',
    replace: 'throwError(() => error)',
    specs: ['spec/operators/sources.spec.ts'],
  },
]
