import { fakeTap, type TapFault } from '../../../src/testing/index.js'
import { ALICE, BOB, first, idsOf, record, records, tapped } from './tapped.js'

/** A live record of this repository that breaks off. */
const broken = (did: string, id: number) =>
  `{"id":${id},"type":"record","record":{"live":true,"did":"${did}","rev":`
const ackedIds = ({ acks }: { readonly acks: readonly { readonly id: number }[] }) =>
  acks.map(({ id }) => id)

describe('a message that cannot be read', () => {
  it('is a reject with its bytes and its id, and everything else comes', async () => {
    await using tap = await fakeTap({ events: [record(BOB, 'b')], frames: [broken(ALICE, 7)] })
    const source = tapped(tap)
    const seen: number[] = []
    const subscription = source.events$.subscribe(({ id }) => seen.push(id))
    await tap.when(() => tap.sent === 2)
    tap.emit(...records(BOB, 2))
    await tap.acked(3)
    expect(seen).toEqual([1, 8, 9])
    expect(source.rejects).toEqual([
      {
        host: `${tap.url}/channel`,
        frame: broken(ALICE, 7),
        length: broken(ALICE, 7).length,
        error: expect.objectContaining({ code: 'FRAME', place: { position: 7, time_us: 0 } }),
      },
    ])
    expect(tap.connections).toHaveLength(1)
    subscription.unsubscribe()
    await tap.closed()
    expect(source.metrics).toMatchObject({ frames: 4, events: 3, rejected: 1 })
  })

  it("comes again under onReject: 'leave', and holds up only its own repository", async () => {
    await using tap = await fakeTap({ frames: [broken(ALICE, 7)] })
    tap.emit(record(ALICE, 'behind'))
    const source = tapped(tap)
    const seen: number[] = []
    const subscription = source.events$.subscribe(({ id }) => seen.push(id))
    for (let copy = 1; copy <= 5; copy += 1) {
      await tap.when(() => tap.sent >= copy)
      tap.emit(...records(`${BOB}${copy}`, 3))
      await tap.acked(copy * 3)
      expect(tap.redeliver()).toBe(1)
    }
    await source.when(({ rejected }) => rejected === 6)
    expect(source.rejects.map(({ error }) => error.place?.position)).toEqual([7, 7, 7, 7, 7, 7])
    expect(seen).toHaveLength(15)
    expect(ackedIds(tap)).not.toContain(7)
    expect(tap.outbox.map(({ id }) => id)).toEqual([7, 8])
    subscription.unsubscribe()
    await tap.closed()
  })

  it("is acked under onReject: 'ack', and its repository goes on", async () => {
    await using tap = await fakeTap({ frames: [broken(ALICE, 7)] })
    tap.emit(record(ALICE, 'behind'))
    const source = tapped(tap, { onReject: 'ack' })
    const seen: number[] = []
    const subscription = source.events$.subscribe(({ id }) => seen.push(id))
    await tap.drained()
    expect(seen).toEqual([8])
    expect(ackedIds(tap)).toEqual([7, 8])
    expect(source.rejects).toHaveLength(1)
    subscription.unsubscribe()
    await tap.closed()
  })

  it.each([
    ['no JSON', 'nonsense', undefined],
    ['an empty text', '', undefined],
    ['null', 'null', undefined],
    ['a list', '[]', undefined],
    ['another type', '{"id":5,"type":"account","account":{}}', 5],
    ['an id that is a string', '{"id":"5","type":"identity"}', undefined],
    ['an id that is too large', '{"id":99999999999999999999,"type":"identity"}', undefined],
    ['a negative id', '{"id":-5,"type":"identity"}', undefined],
    [
      'a DID that is a number',
      '{"id":5,"type":"identity","identity":{"did":1,"handle":"","is_active":true,"status":""}}',
      5,
    ],
    [
      'a record that is a string',
      '{"id":5,"type":"record","record":{"live":true,"did":"d","rev":"r","collection":"c",' +
        '"rkey":"k","action":"create","record":"x"}}',
      5,
    ],
    ['bytes', new Uint8Array([1, 2, 3]), undefined],
  ])('may be %s', async (_, frame, position) => {
    const faults: readonly TapFault[] = [{ after: 1, do: 'garbage', frame }]
    await using tap = await fakeTap({ events: records(ALICE, 2), faults })
    // What is not in the outbox is no event: an ack of it must hurt nobody.
    const source = tapped(tap, { onReject: 'ack' })
    const subscription = source.events$.subscribe()
    await tap.drained()
    expect(source.rejects.map(({ error }) => error.place?.position)).toEqual([position])
    expect(ackedIds(tap).sort()).toEqual(position === undefined ? [1, 2] : [1, 2, position])
    expect(tap.connections).toHaveLength(1)
    subscription.unsubscribe()
    await tap.closed()
  })

  it('of a megabyte is told without all of its bytes', async () => {
    const frame = `{"id":3,"type":"${'x'.repeat(1 << 20)}"}`
    await using tap = await fakeTap({ events: records(ALICE, 1), frames: [frame] })
    const source = tapped(tap, { onReject: 'ack' })
    const subscription = source.events$.subscribe()
    await tap.drained()
    expect(source.rejects[0]).toMatchObject({
      length: frame.length,
      error: { message: expect.any(String) },
    })
    expect(source.rejects[0]?.frame.length).toBe(65_536)
    expect(source.rejects[0]?.error.message.length).toBeLessThan(1000)
    subscription.unsubscribe()
    await tap.closed()
  })
})

describe('a large message', () => {
  it('of the longest possible record is accepted, six bytes for some characters', async () => {
    const text = '<'.repeat(2 << 20)
    await using tap = await fakeTap({ events: [{ ...record(ALICE, 'large'), record: { text } }] })
    const [event] = await first(1, tapped(tap).events$)
    await tap.drained()
    expect(tap.delivered[0]?.frame.length).toBeGreaterThan(12 << 20)
    expect(event).toMatchObject({ record: { text } })
  })

  it.each(['leave', 'ack'] as const)(
    'above maxFrameBytes is a reject with its id, and the connection stays (%s)',
    async (onReject) => {
      const large = { ...record(ALICE, 'large'), record: { text: 'x'.repeat(5000) } }
      await using tap = await fakeTap({ events: [large, record(BOB, 'b')] })
      const source = tapped(tap, { maxFrameBytes: 2000, onReject })
      expect(idsOf(await first(1, source.events$))).toEqual([2])
      expect(source.rejects).toMatchObject([
        {
          error: {
            place: { position: 1 },
            message: expect.stringContaining('`maxFrameBytes` (2000)'),
          },
        },
      ])
      expect(source.metrics).toMatchObject({ rejected: 1, reconnects: 0, gaps: 0 })
      await tap.closed()
      expect(tap.acks.map(({ id }) => id)).toEqual(onReject === 'ack' ? [1, 2] : [2])
    },
  )
})
