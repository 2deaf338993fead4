import type { Gap } from '../../src/delivery/gaps.js'
import { memoryCursorStore } from '../../src/index.js'
import type { CursorProgressOptions } from '../../src/live/cursor-progress.js'
import { Control } from '../../src/live/protocol.js'
import { cursorProgress, type Numbered, plain, T0 } from './sessions.js'

const A = 'ws://a'
const SECOND = 1_000_000
const row = (position: number): Numbered => ({
  id: `s${position}`,
  position,
  time_us: T0 + 60 * SECOND,
})

function resuming(options: Partial<CursorProgressOptions> = {}) {
  const gaps: Gap[] = []
  const progress = cursorProgress({ start: undefined, onCursorRefused: 'oldest', ...options }, gaps)
  const take = (event: Numbered) => progress.onEvent(event, A, event.position, event.time_us)
  return { progress, gaps, take }
}

describe('a log that loses more before it is asked for its oldest event', () => {
  const V2 = {
    ...plain(A),
    tellsFloor: true,
    floorOf: (message: string) => Number(/\d+/.exec(message)?.[0]),
  }
  const told = (progress: ReturnType<typeof resuming>['progress'], floor: number) => {
    expect(progress.cursorFor(V2)).toBe(0)
    progress.onControl(new Control('OutdatedCursor', `starting at seq ${floor}`), A)
  }
  const refused = (options: Partial<CursorProgressOptions> = {}) => {
    const all = resuming(options)
    all.progress.startFrom({ host: A, position: 100, time_us: T0 })
    expect(all.progress.cursorFor(V2)).toBe(100)
    all.progress.refused(A, 'the floor is 200')
    return all
  }
  const ranges = (gaps: readonly Gap[]) => gaps.map(({ from, to }) => [from, to])

  it('is a second gap, and a third where no event came from that dial', () => {
    const { progress, take, gaps } = refused()
    told(progress, 205)
    told(progress, 205)
    told(progress, 209)
    expect(take(row(209))).toBe(true)
    expect(ranges(gaps)).toEqual([
      [100, 200],
      [200, 205],
      [205, 209],
    ])
  })

  it('is no second gap where it begins where it did, or where events have come since', () => {
    const { progress, take, gaps } = refused()
    told(progress, 200)
    take(row(200))
    progress.onControl(new Control('OutdatedCursor', 'starting at seq 300'), A)
    expect(ranges(gaps)).toEqual([[100, 200]])
  })

  it('is a second gap too where an earlier run has reported the first, on that host', async () => {
    const saved = { host: A, position: 100, time_us: T0 }
    const store = memoryCursorStore([['spec', JSON.stringify(saved)]])
    const stored = () => JSON.parse(store.positions.get('spec') ?? '')
    const run = async (act: (progress: ReturnType<typeof resuming>['progress']) => void) => {
      const { progress, gaps } = resuming({ checkpoint: { store } })
      const running = progress.run$.subscribe()
      await new Promise(setImmediate)
      act(progress)
      await progress.flush()
      running.unsubscribe()
      return ranges(gaps)
    }
    const first = await run((progress) => {
      expect(progress.cursorFor(V2)).toBe(100)
      progress.refused(A, 'the floor is 200')
      expect(progress.cursorFor(V2)).toBe(0)
    })
    expect([first, stored()]).toEqual([
      [[100, 200]],
      { host: A, position: 0, time_us: 0, floor: 200 },
    ])
    const otherHost = await run((progress) => {
      expect(progress.cursorFor({ ...V2, host: 'ws://b' })).toBe(0)
      progress.onControl(new Control('OutdatedCursor', 'starting at seq 300'), 'ws://b')
    })
    expect(otherHost).toEqual([])
    store.save('spec', JSON.stringify({ host: A, position: 0, time_us: 0, floor: 200 }))
    expect(await run((progress) => told(progress, 205))).toEqual([[200, 205]])
    expect(stored().floor).toBe(205)
    expect(await run((progress) => told(progress, 205))).toEqual([])
  })

  it('is one gap without a known end where the stream goes on live', () => {
    const { progress, gaps } = refused({ onCursorRefused: 'live' })
    expect(progress.cursorFor(V2)).toBeUndefined()
    expect(ranges(gaps)).toEqual([[100, undefined]])
  })
})

describe('a stream that goes on live', () => {
  it('goes by the connection after a position was given up, not by the first one', () => {
    let nowMs = T0 / 1000
    const { progress, take } = resuming({ onCursorRefused: 'live', now: () => nowMs })
    progress.cursorFor(plain(A))
    progress.opened()
    take(row(1))
    expect(progress.cursorFor(plain(A))).toBe(1)
    progress.refused(A, 'the position is too old')
    nowMs += 60_000
    expect(progress.cursorFor(plain(A))).toBeUndefined()
    progress.opened()
    expect(progress.cursorFor(plain(A))).toBe((nowMs - 2000) * 1000)
  })
})
