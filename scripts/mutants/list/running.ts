import type { Mutant } from '../mutant.js'

const EFFECT_ONCE = ['spec/traps/effect-once.spec.ts']

const OTEL = ['spec/otel/otel.spec.ts']

/** Programs that run themselves: their health, their end, and rows with their position. */
export const RUNNING: readonly Mutant[] = [
  {
    name: 'each attempt restarts the time without a connection',
    file: 'src/delivery/metrics-report.ts',
    find: 'phaseOf(change.state) === phaseOf(state) ? since : asyncScheduler.now()',
    replace: 'asyncScheduler.now()',
    specs: ['spec/delivery/metrics.spec.ts'],
  },
  {
    name: 'a quiet stream is behind by the age of its last event',
    file: 'src/delivery/lag.ts',
    find: 'isCaughtUp ? 0 : lagMs',
    replace: 'isCaughtUp ? lagMs : lagMs',
    specs: ['spec/delivery/health.spec.ts'],
  },
  {
    name: 'run does not find the store that it must close',
    file: 'src/live/cursor-progress.ts',
    find: 'currentWatch()?.foundStore(checkpoint.store)',
    replace: '',
    specs: ['spec/operators/run.spec.ts'],
  },
  {
    name: 'an event has no row of its own when several share its position',
    file: 'src/live/cursor-progress.ts',
    find: 'done: index + 1',
    replace: 'done: 1',
    specs: EFFECT_ONCE,
  },
  {
    name: 'the position of a batch passes an event that is held elsewhere',
    file: 'src/delivery/ledger.ts',
    find: 'open.holds !== held.get(open)',
    replace: 'false',
    specs: EFFECT_ONCE,
  },
  {
    name: 'the operations of a commit are torn between two batches',
    file: 'src/operators/bounded-batch-map.ts',
    find: 'if (this.#isFull && holding?.delivery !== this.#last) this.#emit()',
    replace: 'if (this.#isFull) this.#emit()',
    specs: EFFECT_ONCE,
  },
  {
    name: 'the value of the loop is done while its body runs',
    file: 'src/operators/events-of.ts',
    find: '        this.#current = offer\n',
    replace: '        offer.done()\n',
    specs: ['spec/operators/events-of.spec.ts'],
  },
  {
    name: 'withDeleted removes a record that was written again',
    file: 'src/operators/with-deleted.ts',
    find: 'if (this.#pending.get(uri) !== removal) return\n',
    replace: '',
    specs: ['spec/operators/with-deleted.spec.ts'],
  },
  {
    name: 'a native observer that leaves does not unsubscribe',
    file: 'src/operators/to-native.ts',
    find: 'subscriber.addTeardown(() => left$.next())',
    replace: '',
    specs: ['spec/operators/to-native.spec.ts'],
  },
  {
    name: 'the span of an event is a child of what subscribed',
    file: 'src/otel/traced.ts',
    find: 'root: true,',
    replace: '',
    specs: OTEL,
  },
  {
    name: 'the span of an event is not active in its work',
    file: 'src/otel/traced.ts',
    find: 'context.with(within, work)',
    replace: 'work()',
    specs: OTEL,
  },
  {
    name: 'a span of work that is given up never ends',
    file: 'src/otel/traced.ts',
    find: "unsubscribe: () => this.#finish('given up', 'the work was given up'),",
    replace: '',
    specs: OTEL,
  },
  {
    name: 'the names of before stay under the messaging conventions',
    file: 'src/otel/names.ts',
    find: 'own: both || !messaging',
    replace: 'own: true',
    specs: OTEL,
  },
  {
    name: 'instruments are read after they were ended',
    file: 'src/otel/otel-metrics.ts',
    find: 'from.removeBatchObservableCallback(observe, instruments)',
    replace: '{}',
    specs: OTEL,
  },
  {
    name: 'what no ingestor takes has no kind',
    file: 'src/delivery/delivery-stream.ts',
    find: 'this.unroutedKinds.set(kind, (this.unroutedKinds.get(kind) ?? 0) + 1)',
    replace: '',
    specs: ['spec/delivery/metrics.spec.ts'],
  },
]
