import { type TapEvent, tapEventSchema } from '../../src/index.js'
import { fakeTap, generateTapEvents } from '../../src/testing/index.js'
import { idsOf, tapped } from '../sources/tap/tapped.js'

describe('a poison message', () => {
  it('one bad in 1,000 is one reject with bytes and id; 999 are delivered', async () => {
    const all = [...generateTapEvents({ count: 999, dids: 50, live: false })]
    const poison =
      '{"id":500,"type":"record","record":{"live":false,"did":"did:plc:poison","rev":"\\ud800'
    await using tap = await fakeTap({ events: all.slice(0, 499), frames: [poison] })
    tap.emit(...all.slice(499))
    const [source, seen] = [tapped(tap, { onReject: 'ack' }), [] as TapEvent[]]
    const subscription = source.events$.subscribe((event) => seen.push(event))
    await tap.drained()
    expect(idsOf(seen)).toEqual(
      Array.from({ length: 1000 }, (_, index) => index + 1).filter((id) => id !== 500),
    )
    expect(source.rejects).toMatchObject([{ frame: poison, error: { place: { position: 500 } } }])
    expect(tap.connections).toHaveLength(1)
    subscription.unsubscribe()
    await tap.closed()
    expect(source.metrics).toMatchObject({
      frames: 1000,
      events: 999,
      rejected: 1,
      delivered: 999,
      reconnects: 0,
    })
  })
})

describe('encodings that a closed enum fails', () => {
  it.each([
    'active',
    'takendown',
    'suspended',
    'deactivated',
    'deleted',
    'desynchronized',
    'throttled',
    'Takendown',
    '',
  ])('the status %j comes as it is', (status) => {
    const message = {
      id: 1,
      type: 'identity',
      identity: { did: 'did:plc:a', handle: '', is_active: false, status },
    }
    expect(tapEventSchema.parse(message)).toEqual({
      id: 1,
      type: 'identity',
      did: 'did:plc:a',
      handle: '',
      isActive: false,
      status,
    })
  })
})
