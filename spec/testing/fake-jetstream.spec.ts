import { fakeJetstream, generateEvents } from '../../src/testing/index.js'
import { Client } from './client.js'

describe('fakeJetstream', () => {
  it('plays all its events to a first client without a cursor', async () => {
    await using server = await fakeJetstream({ events: 3_000 })
    await using client = new Client(server.url)
    const events = await client.received(3_000)
    expect(events).toEqual([...generateEvents({ count: 3_000 })])
    await server.idle()
    expect(server.sent).toBe(3_000)
  })

  it('goes on exactly where the log goes on for a client that comes back with its cursor', async () => {
    await using server = await fakeJetstream({ events: 3_000, faults: [{ after: 1_200, do: 'drop' }] })
    const first = new Client(server.url)
    expect(await first.ended).toEqual({ code: 1006, reason: '' })
    expect(first.frames).toHaveLength(1_200)
    await using second = new Client(server.url, `?cursor=${first.times.at(-1)}`)
    await second.received(1_801)
    expect(second.frames[0]).toBe(first.frames.at(-1))
    expect([...first.times, ...second.times.slice(1)]).toEqual([...generateEvents({ count: 3_000 })].map((event) => event.time_us))
  })
})
