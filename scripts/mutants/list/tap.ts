import type { Mutant } from '../mutant.js'

const ACKS = 'src/sources/tap/acks.ts'
const SPECS = ['spec/sources/tap/acks.spec.ts']

/** What a Tap is told, and what comes again. */
export const TAP: readonly Mutant[] = [
  {
    name: 'what was acked on an earlier connection is still known',
    file: ACKS,
    find: 'this.#acked.clear()',
    replace: '',
    specs: SPECS,
  },
  {
    name: 'an update, a delete or an identity event in hand is not handled again after a reconnect',
    file: ACKS,
    find: 'if (!work.isCreate) work.isStale = true',
    replace: "if (work.did === '') work.isStale = true",
    specs: SPECS,
  },
  {
    name: 'a create in hand counts, although something older was handled since',
    file: ACKS,
    find: 'this.#expire(this.#carried.undoneBy(event))',
    replace: 'void event',
    specs: SPECS,
  },
  {
    name: 'an event that is handled twice is acked when the first of its deliveries has ended',
    file: ACKS,
    find: 'if (work.open > 0) return',
    replace: '',
    specs: SPECS,
  },
  {
    name: 'an event is acked as it comes in',
    file: ACKS,
    find: 'this.#works.set(key, new Work(key, event))',
    replace: 'this.#works.set(key, new Work(key, event))\n    this.#send(event.id)',
    specs: SPECS,
  },
  {
    name: 'an ack is sent on another connection than the one that brought its event',
    file: ACKS,
    find: 'work.ids = []',
    replace: '',
    specs: SPECS,
  },
  {
    name: 'work that was taken over does not hold the connection at the end',
    file: ACKS,
    find: 'if (work.open > 0) this.#pending += 1',
    replace: 'if (work.open > 0) this.#pending += 0',
    specs: SPECS,
  },
  {
    name: 'two identity events of equal content are one',
    file: 'src/sources/tap/work.ts',
    find: '{event.id} $',
    replace: '',
    specs: SPECS,
  },
]
