import type { Mutant } from '../mutant.js'

const HOSTS = 'spec/live/hosts.spec.ts'
const WIRE = 'spec/sources/jetstream/wire.spec.ts'
const MANY_DIDS = 'spec/sources/jetstream/many-dids.spec.ts'
const RECENTLY = 'spec/live/recently-received.spec.ts'
const SILENCE = 'spec/live/silence.spec.ts'

/** Which host is dialled, and how many connections a filter takes. */
export const HOST_LISTS: readonly Mutant[] = [
  {
    name: 'one host that refuses ends the list',
    file: 'src/live/hosts.ts',
    find: 'if (this.#hosts.every(({ isRefusing }) => isRefusing)) throw error',
    replace: 'throw error',
    specs: [HOSTS],
  },
  {
    name: 'a host that worked is not dialled again after a 404',
    file: 'src/live/hosts.ts',
    find: 'asyncScheduler.now() - host.servedAt < this.#refusedForMs',
    replace: 'false',
    specs: [HOSTS],
  },
  {
    name: 'a wait goes with us to the next host',
    file: 'src/live/hosts.ts',
    find: '    host.waitsUntil = asyncScheduler.now() +',
    replace: '    for (const host of this.#hosts) host.waitsUntil = asyncScheduler.now() +',
    specs: [HOSTS],
  },
  {
    name: 'a refusal of one of several hosts ends them all',
    file: 'src/live/each-host.ts',
    find: 'if (error instanceof StreamError && isOfHost(error)) refused(host, error)',
    replace: 'if (host === undefined) ended()',
    specs: ['spec/live/each-host.spec.ts'],
  },
  {
    name: 'a silent host is dialled again although there is another',
    file: 'src/live/hosts.ts',
    find: "backoffMs(1, this.#backoff), 'next'",
    replace: "backoffMs(1, this.#backoff), 'same'",
    specs: [SILENCE],
  },
  {
    name: 'a silent host is a failed attempt',
    file: 'src/live/hosts.ts',
    find: 'if (error instanceof SilentError) return this.#afterSilence(this.#host, error)',
    replace: '',
    specs: [SILENCE],
  },
  {
    name: 'a quiet filter is a silent host',
    file: 'src/live/liveness.ts',
    find: 'const alive = isQuiet || arrivals',
    replace: 'const alive = arrivals',
    specs: [SILENCE],
  },
  {
    name: 'an outage is taken for a blind host',
    file: 'src/live/collection-flows.ts',
    find: '        if (!this.#hasEvents) return EMPTY\n',
    replace: '',
    specs: [SILENCE],
  },
  {
    name: 'a rare collection is taken for a missing one',
    file: 'src/live/collection-flows.ts',
    find: '      silentTicks >= (longestPause + 1) * PATIENCE\n',
    replace: '      longestPause >= 0\n',
    specs: [SILENCE],
  },
  {
    name: 'a host that flaps is dialled after the first delay for ever',
    file: 'src/live/hosts.ts',
    find: 'if (host.flaps >= MAX_FLAPS) return',
    replace: '',
    specs: [HOSTS],
  },
  {
    name: 'a host that has flapped is never steady again',
    file: 'src/live/hosts.ts',
    find: 'newEvents >= STEADY_EVENTS) host.flaps = 0',
    replace: 'newEvents >= STEADY_EVENTS) host.flaps += 0',
    specs: [HOSTS],
  },
  {
    name: 'a flapping host uses up the attempts',
    file: 'src/live/hosts.ts',
    find: '    this.#attempts = 0\n    // The delays',
    replace: '    if (host.flaps < MAX_FLAPS) this.#attempts = 0\n    // The delays',
    specs: [HOSTS],
  },
  {
    name: 'filters$ has no brake',
    file: 'src/sources/jetstream/newest-every.ts',
    find: 'windowMs() > 0 ?',
    replace: 'windowMs() < 0 ?',
    specs: ['spec/sources/jetstream/filters-in-flight.spec.ts'],
  },
  {
    name: 'the newest of many filters is forgotten',
    file: 'src/sources/jetstream/newest-every.ts',
    find: 'trailing: true',
    replace: 'trailing: false',
    specs: ['spec/sources/jetstream/filters-in-flight.spec.ts'],
  },
  {
    name: 'a long filter goes into the URL of wire v2',
    file: 'src/sources/jetstream/wire.ts',
    find: 'this.#isLong ||= isLongForV2(filters)',
    replace: '',
    specs: [WIRE],
  },
  {
    name: 'a proxy that refuses the URL of wire v2 ends the stream',
    file: 'src/sources/jetstream/wire.ts',
    find: 'if (isTooLong(error)) return this.#tooLongForV2(host, error)',
    replace: '',
    specs: [WIRE],
  },
  {
    name: 'a proxy that refuses the URL of wire v1 ends the stream',
    file: 'src/sources/jetstream/wire.ts',
    find: 'if (isTooLong(error) && isInUrl) return this.#saysHello(error)',
    replace: '',
    specs: [WIRE],
  },
  {
    name: 'the checkpoint of several connections is the newest position',
    file: 'src/sources/jetstream/shared-checkpoint.ts',
    find: 'return isLater ? other : one',
    replace: 'return isLater ? one : other',
    specs: [MANY_DIDS],
  },
  {
    name: 'a checkpoint is saved before each connection has a position',
    file: 'src/sources/jetstream/shared-checkpoint.ts',
    find: 'oldest === undefined || text === undefined ? undefined : this.#older(oldest, text)',
    replace: 'this.#older(oldest ?? text ?? `{}`, text ?? oldest ?? `{}`)',
    specs: [MANY_DIDS],
  },
  {
    name: 'a repository moves to another connection',
    file: 'src/sources/jetstream/split-dids.ts',
    find: 'list.filter((did) => wanted.delete(did))',
    replace: 'list.filter(() => false)',
    specs: [MANY_DIDS],
  },
  {
    name: 'a URL that is too long for wire v2 is not split',
    file: 'src/sources/jetstream/connections.ts',
    find: 'if (!isTooLong(error) || dids.length < 2)',
    replace: 'if (dids.length > 0)',
    specs: [MANY_DIDS],
  },
  {
    name: 'what another host sends again is new',
    file: 'src/live/recently-received.ts',
    find: 'return overlap.has(fingerprint)',
    replace: 'return overlap.size < 0',
    specs: [RECENTLY],
  },
  {
    name: 'what was received is kept for ever',
    file: 'src/live/recently-received.ts',
    find: 'this.#ring[this.#received % MOST]',
    replace: 'this.#ring[Math.min(this.#received, MOST - 1)]',
    specs: [RECENTLY],
  },
  {
    name: 'two operations of one commit are copies',
    file: 'src/sources/jetstream/identity.ts',
    find: '    .add(rkey)\n',
    replace: '',
    specs: [RECENTLY],
  },
]
