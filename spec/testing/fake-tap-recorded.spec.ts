import { fakeTap } from '../../src/testing/index.js'
import { linesOf, present } from '../helpers/recordings.js'
import { connect, TapClient } from './fake-tap-client.js'

const frame = (id: number, did: string, live = true): string =>
  `{"id":${id},"type":"record","record":{"live":${live},"did":"${did}","rev":"a", ` +
  '"collection":"b","rkey":"c","action":"delete"}}'

describe('the frames of fakeTap', () => {
  it('come byte for byte, under their own ids, after the events', async () => {
    await using tap = await fakeTap({
      events: 2,
      generate: { live: false },
      frames: [frame(12_345, 'did:plc:a'), frame(12_400, 'did:plc:b')],
    })
    await using client = new TapClient(tap.url, { acks: true })
    await tap.drained()
    expect(client.ids).toEqual([1, 2, 12_345, 12_400])
    expect(client.frames[2]).toBe(frame(12_345, 'did:plc:a'))
    expect(tap.emit(frame(20_000, 'did:plc:c'))).toEqual([20_000])
  })

  it('wait behind the barrier of their DID', async () => {
    await using tap = await fakeTap({
      frames: [frame(5, 'did:plc:a'), frame(9, 'did:plc:a', false)],
    })
    await using client = await connect(tap.url)
    await client.received(1)
    expect(await client.settled()).toEqual([5])
    client.ack(5)
    expect(await client.received(2)).toEqual([5, 9])
  })

  it('wait until an id that comes again is acked', async () => {
    await using tap = await fakeTap({
      frames: [frame(1, 'did:plc:a'), frame(1, 'did:plc:b'), frame(2, 'did:plc:c')],
    })
    await using client = await connect(tap.url)
    await client.received(1)
    expect(await client.settled()).toEqual([1])
    client.ack(1)
    await client.received(3)
    expect(client.frames[1]).toBe(frame(1, 'did:plc:b'))
  })

  it('may be broken, and come again until they are acked', async () => {
    const broken = '{"id":7,"type":"record","record":{"live":true,"did":"did:plc:a","rev":'
    await using tap = await fakeTap({ frames: [broken, frame(8, 'did:plc:a')] })
    await using client = await connect(tap.url)
    await tap.when(() => tap.sent === 1)
    tap.redeliver()
    await tap.when(() => tap.sent === 2)
    client.ack(7)
    await tap.when(() => tap.sent === 3)
    expect(tap.delivered.map(({ frame: text }) => text)).toEqual([
      broken,
      broken,
      frame(8, 'did:plc:a'),
    ])
  })
})

describe('fakeTap plays recordings', () => {
  it.each(
    present(
      'local/tap_channel.ndjson',
      'tap/derived_from_real.ndjson',
      'tap/readme_examples.ndjson',
    ),
  )('%s, each frame once', async (file) => {
    const frames = linesOf(file)
    await using tap = await fakeTap({ frames })
    await using client = new TapClient(tap.url, { acks: true })
    await tap.drained()
    expect([...client.frames].sort()).toEqual([...frames].sort())
  })
})
