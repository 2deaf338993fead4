import { fakeLabels, generateLabels, labelsOf } from '../../src/testing/index.js'
import { FrameClient } from './frame-client.js'

const label = (val: string, more: object = {}) => ({
  ver: 1,
  src: 'did:plc:l',
  uri: 'did:plc:a',
  val,
  cts: '2026-01-01T00:00:00.000Z',
  ...more,
})

describe('fakeLabels', () => {
  it('sends one label a frame, whatever members it has', async () => {
    const labels = [
      label('spam'),
      label('rude', { exp: '2027-01-01T00:00:00.000Z', cid: 'bafy' }),
      label('spam', { neg: true }),
    ]
    await using server = await fakeLabels({ events: labels })
    await using client = new FrameClient(server.endpoint)
    await client.received(3)
    expect(client.messages).toEqual(
      labels.map((one, n) => ({ t: '#labels', op: 1, body: { seq: n + 1, labels: [one] } })),
    )
    expect(client.frames.flatMap(labelsOf)).toEqual(labels)
  })

  it('replaces a label by the newest about the same: a replay lacks its number', async () => {
    const other = label('spam', { cid: 'bafy' })
    await using server = await fakeLabels({
      events: [label('spam'), other, label('rude'), label('spam', { neg: true })],
      stored: 'all',
    })
    await using client = new FrameClient(server.endpoint, '?cursor=0')
    await client.received(3)
    expect(client.seqs).toEqual([2, 3, 4])
    expect(server.frames.flatMap(labelsOf)).toEqual([
      other,
      label('rude'),
      label('spam', { neg: true }),
    ])
  })

  it('sends several labels in a frame on request, which replace none', async () => {
    await using server = await fakeLabels({
      events: [label('spam'), { labels: [label('spam'), label('rude')] }],
      stored: 'all',
    })
    await using client = new FrameClient(server.endpoint, '?cursor=0')
    await client.received(2)
    expect(client.frames.map((frame) => labelsOf(frame).length)).toEqual([1, 2])
  })

  it('begins after the cursor, clamps an old one, and refuses a future one', async () => {
    await using server = await fakeLabels({
      events: 100,
      generate: { negations: 0 },
      stored: 'all',
      retainEvents: 10,
    })
    for (const [cursor, first] of [
      [95, 96],
      [3, 91],
      [-1, 91],
    ] as const) {
      await using client = new FrameClient(server.endpoint, `?cursor=${cursor}`)
      await client.received(101 - first)
      expect([client.messages[0]?.t, client.seqs[0], client.seqs.at(-1)]).toEqual([
        '#labels',
        first,
        100,
      ])
    }
    const future = new FrameClient(server.endpoint, '?cursor=101')
    expect(await future.ended).toEqual({ code: 1008, reason: 'FutureCursor' })
    expect(future.messages).toEqual([
      { t: undefined, op: -1, body: { error: 'FutureCursor', message: 'Cursor in the future.' } },
    ])
  })
})

describe('generateLabels', () => {
  const labels = [
    ...generateLabels({ seed: 3, count: 2_000, unsigned: 0.2, src: 'did:plc:labeler' }),
  ]

  it('makes the same labels for the same seed', () => {
    expect([
      ...generateLabels({ seed: 3, count: 50, unsigned: 0.2, src: 'did:plc:labeler' }),
    ]).toEqual(labels.slice(0, 50))
  })

  it('signs all but the share that it is told to leave unsigned', () => {
    const unsigned = labels.filter(({ sig }) => sig === undefined).length
    expect(unsigned).toBeGreaterThan(300)
    expect(unsigned).toBeLessThan(500)
  })

  it('takes back what it said before, and nothing else; some expire', () => {
    const said = new Set<string>()
    const idOf = ({ src, uri, cid, val }: (typeof labels)[number]): string =>
      [src, uri, cid, val].join()
    let negations = 0
    for (const one of labels) {
      if (one.neg) expect(said.delete(idOf(one))).toBe(true)
      else said.add(idOf(one))
      if (one.neg) negations++
    }
    expect(negations).toBeGreaterThan(100)
    expect(labels.some(({ exp }) => exp !== undefined)).toBe(true)
  })
})
