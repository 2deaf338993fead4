import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { firstValueFrom, take, toArray } from 'rxjs'
import { ConfigError, jetstream$ } from 'rxjs-atproto'
import { fakeJetstream, generateEvents, readRecording } from 'rxjs-atproto/testing'
import { toV2 } from '../../src/testing/jetstream/translate.js'
import { Playback } from '../../src/testing/server/playback.js'

const folder = mkdtempSync(join(tmpdir(), 'recordings-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const EVENTS = [...generateEvents({ count: 400, seed: 4 })]
const RECORDED = EVENTS.map((event, n) => `{"at":${n * 10},"frame":${JSON.stringify(event)}}\n`)

describe('a recording', () => {
  it.each([
    ['as it is', Buffer.from(RECORDED.join(''))],
    ['by gzip', gzipSync(RECORDED.join(''))],
    ['by gzip in two parts', Buffer.concat(RECORDED.slice(0, 2).map((line) => gzipSync(line)))],
  ])('is read %s, and played byte for byte', async (name, content) => {
    const recording = await readRecording(file(name, content))
    await using server = await fakeJetstream({ recording })
    const count = name.includes('two') ? 2 : EVENTS.length
    const events = await firstValueFrom(
      jetstream$({ host: server.url }).pipe(take(count), toArray()),
    )
    expect(events).toEqual(EVENTS.slice(0, count))
    expect(recording.total).toBe(count)
  })

  it('has the times of its lines, after the first, which never go back', async () => {
    const lines = ['{"at":7.5,"frame":{}}', '{"at":9,"frame":"not {"}\r', '{"at":8,"frame":{}}']
    const recording = await readRecording(file('times', lines.join('\n')))
    const seen: unknown[] = [recording.nextMs]
    for (const frame of recording.frames()) seen.push(frame, recording.nextMs)
    expect(seen).toEqual([0, '{}', 1.5, 'not {', 1.5, '{}', undefined])
  })

  it('has the times of the events, where lines have none', async () => {
    const lines = EVENTS.slice(0, 2).map((event, n) =>
      JSON.stringify({ ...event, time_us: n * 5e6 }),
    )
    const recording = await readRecording(file('plain', lines.join('\n')))
    const frames = recording.frames()[Symbol.iterator]()
    expect([frames.next().value, recording.nextMs]).toEqual([lines[0], 5000])
  })

  it('that was cut off is read up to there', async () => {
    const whole = gzipSync(RECORDED.join(''), { level: 0 })
    const recording = await readRecording(file('cut', whole.subarray(0, whole.length / 2)))
    const frames = [...recording.frames()]
    expect(frames.length).toBeGreaterThan(100)
    expect(frames.slice(0, -1)).toEqual(
      EVENTS.slice(0, frames.length - 1).map((event) => JSON.stringify(event)),
    )
  })

  it('is of wire v2 by its first frame, and is played on that wire', async () => {
    const frame = toV2(JSON.stringify(EVENTS[0]), 24_000_000_007, EVENTS[0]?.time_us ?? 0)
    const recording = await readRecording(file('v2', `{"at":1,"frame":${frame}}`))
    await using server = await fakeJetstream({ recording })
    const event = await firstValueFrom(jetstream$({ host: server.host, wire: 'v2' }))
    expect(event).toEqual({ ...EVENTS[0], cursor: 24_000_000_007 })
  })

  it('is refused if it cannot be read, and with options that do not fit', async () => {
    await expect(readRecording(join(folder, 'none'))).rejects.toThrow(ConfigError)
    await expect(readRecording(folder)).rejects.toThrow(/`recording` cannot be read/)
    await expect(readRecording(file('bad', '\u001f\u008b'))).resolves.toBeDefined()
    await expect(readRecording(file('torn', gzipSync('a').fill(7, 4)))).rejects.toThrow(ConfigError)
    await expect(fakeJetstream({ speed: 2 })).rejects.toThrow(/`speed` needs a `recording`/)
    const recording = await readRecording(file('one', RECORDED[0] ?? ''))
    await expect(fakeJetstream({ recording, events: 1, speed: 0 })).rejects.toThrow(
      /`events`[\s\S]*`speed` must be above 0/,
    )
  })
})

describe('the clock of a playback', () => {
  beforeEach(() => jest.useFakeTimers())
  afterEach(() => jest.useRealTimers())

  it('plays each item when it is due, and none before', () => {
    const times = [0, 100, 100, 5000]
    const played: number[] = []
    const startedAt = performance.now()
    const playback = new Playback({
      isPaced: true,
      isDue: (count, elapsedMs) => (times[count] ?? 0) <= elapsedMs,
      faults: { room: () => Number.POSITIVE_INFINITY } as never,
      sent: 0,
      script: {
        get done() {
          return played.length === times.length
        },
        take: () => {
          if (played.length === times.length) return 0
          return played.push(performance.now() - startedAt) && 1
        },
      },
      room: () => Number.POSITIVE_INFINITY,
      onGrowth: () => {},
    })
    playback.pace()
    jest.advanceTimersByTime(10_000)
    expect(played.length).toBe(4)
    for (const [index, time] of times.entries()) {
      expect(played[index]).toBeGreaterThanOrEqual(time)
      expect(played[index]).toBeLessThanOrEqual(time + 5)
    }
    expect(jest.getTimerCount()).toBe(0)
  })
})
