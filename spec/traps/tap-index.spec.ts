import { integer, random } from '../../src/testing/generate/random.js'
import { type FakeTap, fakeTap } from '../../src/testing/index.js'
import { ALICE, BOB } from '../sources/tap/tapped.js'
import { TapClient } from '../testing/fake-tap-client.js'
import { type Change, change, Index, reader, Writer } from './tap-index.js'

const HISTORIES = [
  ['create', 'delete'],
  ['create', 'update'],
  ['create', 'update', 'delete'],
  ['update', 'update', 'update'],
  ['delete', 'create', 'update', 'delete'],
].map((actions) => ({ name: actions.join(', '), actions: actions as readonly Change[] }))

/** What a client without a memory ends with: it handles what comes, as it comes. */
async function bareIndex(emit: (tap: FakeTap) => void): Promise<readonly string[]> {
  await using tap = await fakeTap()
  const index = new Index()
  const handled = async () => {
    await using client = new TapClient(tap.url)
    client.ws.on('message', (data) => {
      const { id, record, identity } = JSON.parse(String(data))
      index.apply({
        id,
        type: record === undefined ? 'identity' : 'record',
        ...record,
        ...identity,
      })
      client.ack(id)
    })
    await tap.drained()
  }
  emit(tap)
  await handled()
  tap.restart()
  await handled()
  return index.rows
}

describe('an index', () => {
  it.each(HISTORIES)(
    'over several subscriptions and a restart ends as that of a bare client: $name',
    async ({ actions }) => {
      const history = actions.map((action, n) => change(ALICE, 'a', action, n + 1))
      await using tap = await fakeTap()
      const index = new Index()
      // Each event is acked by a subscription of its own, and the last one sees the restart.
      let subscription = reader(tap, index, random(1))
      for (const [n, event] of history.entries()) {
        await tap.connected(n + 1)
        subscription.stop()
        await tap.closed(n + 1)
        subscription = reader(tap, index, random(1))
        tap.emit(event)
        await tap.drained()
      }
      tap.restart()
      await tap.drained()
      expect(tap.sent).toBe(2 * history.length)
      expect(index.rows).toEqual(await bareIndex((bare) => bare.emit(...history)))
      subscription.stop()
    },
  )

  // An event of another account shifts the turns.
  it.each([0, 1])(
    'over two readers and a restart ends as that of a bare client, turns shifted by %i',
    async (shift) => {
      const history = [
        change(ALICE, 'a', 'create', 1),
        change(ALICE, 'a', 'update', 2),
        change(ALICE, 'a', 'delete', 3),
      ]
      const others = Array.from({ length: shift }, (_, n) => change(BOB, `b${n}`, 'create', 10 + n))
      for (const last of [1, 2, 3]) {
        const events = history.slice(0, last)
        await using tap = await fakeTap()
        const index = new Index()
        const first = reader(tap, index, random(1))
        await tap.connected(1)
        tap.emit(...events)
        await tap.drained()
        const second = reader(tap, index, random(2))
        await tap.connected(2)
        tap.emit(...others)
        await tap.drained()
        tap.restart()
        await tap.drained()
        expect(index.rows).toEqual(await bareIndex((bare) => bare.emit(...events, ...others)))
        first.stop()
        second.stop()
      }
    },
  )

  it('over one reader, whatever restarts, is cut or is replaced, is the truth', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const next = random(seed)
      const faults = [20, 60, 100].map(
        (after) => ({ after: after + integer(next, 20), do: 'drop', optional: true }) as const,
      )
      await using tap = await fakeTap({ faults })
      const [writer, index] = [new Writer(next, { dids: 2, reuse: 'keys' }), new Index()]
      let subscription = reader(tap, index, next)
      for (let round = 0; round < 8; round += 1) {
        const before = tap.acks.length
        const events = Array.from({ length: 1 + integer(next, 6) }, () => writer.write())
        tap.emit(...events)
        const acked = before + integer(next, events.length + 1)
        // What a cut connection took with it comes again by the timer.
        const isFar = () => tap.acks.length >= acked || tap.outbox.length === 0
        await settle(tap, isFar)
        const fate = integer(next, 3)
        if (fate === 0) tap.restart()
        if (fate === 1) {
          subscription.stop()
          subscription = reader(tap, index, next)
        }
      }
      await settle(tap, () => tap.outbox.length === 0)
      expect({ seed, rows: index.rows }).toEqual({ seed, rows: writer.truth.rows })
      subscription.stop()
    }
  }, 120_000)

  it('over two readers, whatever restarts or is replaced, is the truth', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const next = random(seed)
      await using tap = await fakeTap()
      const [writer, index] = [new Writer(next, { dids: 2, reuse: 'nothing' }), new Index()]
      const readers = [reader(tap, index, next), reader(tap, index, next)]
      for (let round = 0; round < 8; round += 1) {
        const before = tap.acks.length
        const events = Array.from({ length: 1 + integer(next, 6) }, () => writer.write())
        tap.emit(...events)
        const acked = before + integer(next, events.length + 1)
        await tap.when(() => tap.acks.length >= acked || tap.outbox.length === 0)
        // What a connection takes with it comes again by the restart that follows, if it was open
        // before.
        await tap.when(() => openOf(tap) === 2)
        const which = integer(next, 4)
        readers[which]?.stop()
        if (which < 2) readers[which] = reader(tap, index, next)
        if (which < 3) tap.restart()
      }
      await tap.drained()
      expect({ seed, rows: index.rows }).toEqual({ seed, rows: writer.truth.rows })
      for (const one of readers) one.stop()
    }
  }, 120_000)
})

const openOf = (tap: FakeTap) => tap.connections.filter(({ closed }) => closed === undefined).length

/** Ticks the server's timer after each change until the condition holds. */
async function settle(tap: FakeTap, holds: () => boolean): Promise<void> {
  while (!holds()) {
    if (openOf(tap) > 0) tap.redeliver()
    const [attempts, sent, acks, open] = [
      tap.attempts.length,
      tap.sent,
      tap.acks.length,
      openOf(tap),
    ]
    const isChanged = () =>
      tap.attempts.length > attempts ||
      tap.sent > sent ||
      tap.acks.length > acks ||
      openOf(tap) !== open
    await tap.when(() => holds() || isChanged())
  }
}
