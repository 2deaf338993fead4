import { lastValueFrom } from 'rxjs'
import { type ArchiveConfig, archive$, archiveCost, streamMetrics } from '../../../../src/index.js'
import { fakeArchive } from '../../../../src/testing/index.js'

const AT_ONCE = { initialDelayMs: 1, maxDelayMs: 1 }

describe('archiveCost', () => {
  it('tells what is downloaded, without a byte of it', async () => {
    await using server = await fakeArchive({ events: 2000, planMaxEntries: 3 })
    const configs: readonly Partial<ArchiveConfig>[] = [
      {},
      { cursor: 1500 },
      { collections: ['app.bsky.actor.profile'], kinds: ['commit'] },
    ]
    for (const config of configs) {
      const all = { host: server.host, ...config }
      const before = server.requests.length
      const cost = await archiveCost(all)
      const asked = server.requests.slice(before).map(({ url }) => url)
      expect(asked.filter((url) => /getSegment|getBlock/.test(url))).toEqual([])
      const metrics$ = streamMetrics()
      await lastValueFrom(archive$({ ...all, metrics$ }), { defaultValue: undefined })
      const read = server.requests.slice(before + asked.length).map(({ url }) => url)
      const blocks = read.filter((url) => url.includes('getBlock')).length
      const segments = read.filter((url) => url.includes('getSegment')).length
      expect(cost).toMatchObject({
        from: ((config.cursor ?? 1) as number) - 1,
        tip: 2000,
        wholeSegments: segments,
        blocks,
      })
      expect(cost.bytes).toBeGreaterThan(0)
    }
  })

  it('is exact in bytes for whole segments', async () => {
    await using server = await fakeArchive({ events: 500 })
    const { bytes } = await archiveCost({ host: server.host })
    const { bytes: none } = await archiveCost({ host: server.host, cursor: 501 })
    expect(none).toBe(0)
    const metrics$ = streamMetrics()
    await lastValueFrom(archive$({ host: server.host, metrics$ }))
    // Without the plan, and with the footers, which are not read.
    expect(Math.abs((metrics$.value.archive?.bytes ?? 0) - bytes)).toBeLessThan(bytes / 50)
  })

  it('counts the footers that are verified, of each segment that a block is read of', async () => {
    await using server = await fakeArchive({ events: 2000 })
    const few = { collections: ['app.bsky.actor.profile'], kinds: ['commit'] } as const
    for (const filters of [{}, few]) {
      const config = { host: server.host, ...filters }
      const plain = await archiveCost(config)
      const verified = await archiveCost({ ...config, verify: 'footer' })
      const { bytes: all } = await archiveCost({ host: server.host })
      expect(verified.segments).toBe(plain.segments)
      // A hundredth of each. Most segments have a profile.
      expect(verified.bytes - plain.bytes).toBeGreaterThan(all / 150)
      expect(verified.bytes - plain.bytes).toBeLessThan(all / 99)
    }
  })

  it('gives up after three retries', async () => {
    await using server = await fakeArchive({
      faults: [
        { method: 'listSegments', onRequest: 1, do: 'refuse', times: Number.POSITIVE_INFINITY },
      ],
    })
    const cost = archiveCost({ host: server.host, reconnect: AT_ONCE })
    await expect(cost).rejects.toMatchObject({ code: 'RECONNECT_EXHAUSTED' })
    expect(server.requests).toHaveLength(4)
  })
})
