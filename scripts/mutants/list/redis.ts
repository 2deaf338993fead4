import type { Mutant } from '../mutant.js'

const DELIVERY = 'spec/sources/redis/delivery.spec.ts'
const LEASES = 'spec/sources/redis/leases.spec.ts'
const FAULTS = 'spec/sinks/redis-faults.spec.ts'

/** Redis streams, read and written. */
export const REDIS: readonly Mutant[] = [
  {
    name: 'on a cluster an entry is acked before its dead letter is there: XACK before XADD',
    file: 'src/sources/redis/group.ts',
    find: "await this.#send(['XADD', deadLetter, '*', ...fields])\n      await this.ack([id])",
    replace: "await this.ack([id])\n      await this.#send(['XADD', deadLetter, '*', ...fields])",
    specs: ['spec/redis-client/cluster.spec.ts'],
    tests: '@redis/client acks an entry only when its dead letter',
  },
  {
    name: 'an entry whose work failed is acked',
    file: 'src/sources/redis/deliveries.ts',
    find: "if (outcome === 'failed') this.#failed(entry)\n    else entry",
    replace: 'entry',
    specs: [DELIVERY],
    tests: 'over @redis/client delivers again what fails',
  },
  {
    name: 'an entry is tried once more than maxDeliveries',
    file: 'src/sources/redis/pending-entries.ts',
    find: 'entry.deliveries >= this.session.options.maxDeliveries',
    replace: 'entry.deliveries > this.session.options.maxDeliveries',
    specs: [DELIVERY],
    tests: 'over @redis/client delivers again what fails',
  },
  {
    name: 'an entry that killed its processes is tried again',
    file: 'src/sources/redis/deliveries.ts',
    find: 'if (entry.deliveries > maxDeliveries)',
    replace: 'if (entry.deliveries < 0)',
    specs: [DELIVERY],
    tests: 'over @redis/client sends what its processes died of',
  },
  {
    name: 'a group that has vanished ends the stream',
    file: 'src/sources/redis/group.ts',
    find: "error instanceof RedisRefusedError && error.reason === 'NOGROUP'",
    replace: "error instanceof RedisRefusedError && error.reason === 'GROUP'",
    specs: [LEASES],
    tests: 'over @redis/client reports what was trimmed',
  },
  {
    name: 'two leases of one process have one name',
    file: 'src/sources/redis/partitions/leases.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the code's own text
    find: 'name: `${this.#me} ${this.#taken}`',
    replace: 'name: this.#me',
    specs: [LEASES],
  },
  {
    name: 'a lease that ran out is prolonged',
    file: 'src/sources/redis/partitions/lease.ts',
    find: 'isOurs && this.held ? askedAt',
    replace: 'isOurs ? askedAt',
    specs: [LEASES],
    tests: 'over @redis/client is read again when Redis has hung',
  },
  {
    name: 'the lease of another process is taken',
    file: 'src/sources/redis/partitions/lease.ts',
    find: 'if owner and string.sub(owner, 1, #ARGV[3]) ~= ARGV[3] then return 0 end\n',
    replace: '',
    specs: [LEASES],
    tests: 'the lease of another process',
  },
  {
    name: 'a read without the lease takes entries',
    file: 'src/sources/redis/scripts.ts',
    find: "if redis.call('GET', lease) ~= owner then return {} end\n",
    replace: '',
    specs: [LEASES],
    tests: 'over @redis/client gives no entry to a waiting reader',
  },
  {
    name: 'whatever throws in a sink counts as done',
    file: 'src/sinks/redis-streams/entry-encoder.ts',
    find: "holding?.release('failed')",
    replace: "holding?.release('done')",
    specs: ['spec/sinks/redis-streams.spec.ts'],
    tests: '@redis/client ends before an event that cannot be placed',
  },
  {
    name: 'a batch whose answer got lost is written twice',
    file: 'src/sinks/redis-streams/redis-ids.ts',
    find: "if redis.call('SISMEMBER', one, name) ~= 1 and",
    replace: 'if true or',
    specs: ['spec/sinks/redis-ids.spec.ts', FAULTS],
  },
  {
    name: 'what Redis lost is not noticed',
    file: 'src/sinks/redis-streams/position-ids.ts',
    find: "if before(start, known) then return {'lost', 0, start, start, 0, 0} end\n",
    replace: '',
    specs: [FAULTS],
    tests: '@redis/client and ids: position writes again',
  },
  {
    name: 'an id that another writer took counts as our duplicate',
    file: 'src/sinks/redis-streams/position-ids.ts',
    find: 'elseif same(id, field, value, false) or was_trimmed(id) then',
    replace: 'elseif id then',
    specs: [FAULTS],
    tests: '@redis/client ends where another writer',
  },
  {
    name: 'a look that comes after the read sees nothing',
    file: 'src/sources/redis/read-strategy.ts',
    find: '? await this.#lookBefore(entries[0]?.id)',
    replace: '? await this.#look()',
    specs: ['spec/sources/redis/scripts.spec.ts'],
    tests: '@redis/client report what was trimmed although',
  },
  {
    name: 'consumers that are far behind do not stop the sink',
    file: 'src/sinks/redis-streams/high-water.ts',
    find: 'return this.unread >= this.mark',
    replace: 'return false',
    specs: ['spec/sinks/redis-traps.spec.ts'],
    tests: '@redis/client pauses at the high-water mark',
  },
]
