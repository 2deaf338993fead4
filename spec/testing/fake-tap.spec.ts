import { fakeTap } from '../../src/testing/index.js'
import { TapClient } from './fake-tap-client.js'

describe('fakeTap', () => {
  it('sends all its events and is drained when all are acked', async () => {
    await using tap = await fakeTap({ events: 3_000, generate: { dids: 50, live: 0.5 } })
    await using client = new TapClient(tap.url, { acks: true })
    await tap.drained()
    expect(client.frames).toHaveLength(3_000)
    expect(tap.acks).toHaveLength(3_000)
  })
})
