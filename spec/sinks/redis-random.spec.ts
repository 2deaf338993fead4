import { integer, pick, random } from '../../src/testing/generate/random.js'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'
import { clients } from '../redis-client/clients.js'
import { type CuttingProxy, cuttingProxy } from './cutting-proxy.js'
import { Feed, range } from './feed.js'
import { isWaiting, numbers, sinkOf, upTo, type WatchedSink } from './watched.js'

const LAST = 4000

/** One run: a source, its sink and whatever happens to them, by chance. */
class Run {
  readonly happened: string[] = []
  #sink: WatchedSink
  #feed = new Feed()
  #sent = 0

  constructor(
    private readonly next: () => number,
    private readonly server: RedisServer,
    private readonly proxy: CuttingProxy,
    private readonly makeSink: (feed: Feed) => WatchedSink,
  ) {
    this.#sink = makeSink(this.#feed)
  }

  async step(): Promise<void> {
    const [name, happen] = pick(this.next, Object.entries(this.#faults))
    this.happened.push(name)
    await happen()
  }

  /** All is written, whatever happened. */
  async finish(): Promise<void> {
    this.#send(LAST - this.#sent)
    this.#feed.complete()
    await this.#sink.done
  }

  readonly #faults: Readonly<Record<string, () => Promise<void>>> = {
    nothing: () => this.#caughtUp(),
    cut: async () => {
      const { cuts } = this.proxy
      this.proxy.cutAfter(integer(this.next, 20_000))
      while (this.proxy.cuts === cuts && this.#sent < LAST) {
        this.#send(100)
        await this.#caughtUp()
      }
    },
    hang: async () => {
      await this.server.freeze()
      this.#send(integer(this.next, 300) + 1)
      await this.#sink.when(isWaiting('TIMEOUT'))
      this.server.thaw()
    },
    full: () =>
      this.#whileSet(
        ['CONFIG', 'SET', 'maxmemory', '1'],
        ['CONFIG', 'SET', 'maxmemory', '0'],
        'OOM',
      ),
    'read-only': () =>
      this.#whileSet(['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE'], 'READONLY'),
    crash: async () => {
      await this.#caughtUp()
      if (this.next() < 0.7) await this.server.cli('SAVE')
      this.#send(integer(this.next, 300) + 1)
      if (this.next() < 0.5) await this.#caughtUp()
      await this.server.kill()
      await this.server.start()
      // Until it has written again what Redis lost, an ingester must not end.
      this.#send(1)
      await this.#caughtUp()
    },
    restart: async () => {
      this.#send(integer(this.next, 300) + 1)
      this.#sink[Symbol.dispose]()
      // From the checkpoint, or a little before it.
      const from = Math.max(1, (this.#feed.frontier ?? this.#sent + 1) - integer(this.next, 50))
      this.#feed = new Feed(range(from, this.#sent))
      this.#sink = this.makeSink(this.#feed)
    },
  }

  async #whileSet(
    fault: readonly string[],
    cure: readonly string[],
    reason: string,
  ): Promise<void> {
    await this.#caughtUp()
    await this.server.cli(...fault)
    this.#send(integer(this.next, 300) + 1)
    await this.#sink.when(isWaiting(reason))
    await this.server.cli(...cure)
  }

  #send(count: number): void {
    const to = Math.min(LAST, this.#sent + count)
    // Something must be under way for a fault to be met: the last ones come twice.
    this.#feed.emit(...range(Math.min(this.#sent + 1, to), to))
    this.#sent = to
  }

  async #caughtUp(): Promise<void> {
    await this.#sink.emits(this.#feed.ledger.delivered)
  }
}

describeRedis('toRedisStream, whatever happens to Redis, to the way there and to itself', () => {
  it.each(upTo(6))(
    'writes each event once and in order, by chance %i',
    async (seed) => {
      const next = random(seed)
      await using server = await redisServer()
      await using proxy = await cuttingProxy(server.port)
      await using opened = await pick(next, clients)[1](proxy.url)
      const options = {
        ids: pick(next, ['position', 'redis'] as const),
        size: 1 + integer(next, 200),
        highWaterMark: Number.POSITIVE_INFINITY,
        timeoutMs: 300,
      }
      const run = new Run(next, server, proxy, (feed) => sinkOf(opened, feed, options))
      for (let step = 0; step < 8; step += 1) await run.step()
      await run.finish()
      const found = await numbers(server)
      // The seed and the story are in the message of what fails.
      expect({ happened: run.happened, options, found }).toEqual({
        happened: run.happened,
        options,
        found: upTo(LAST),
      })
    },
    60_000,
  )
})
