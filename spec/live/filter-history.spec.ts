import type { EventFilters } from '../../src/atproto/filters.js'
import { type Gap, Gaps } from '../../src/delivery/gaps.js'
import type { Position } from '../../src/delivery/position.js'
import type { SavedPosition } from '../../src/delivery/saved-position.js'
import { FilterHistory, formatWith } from '../../src/live/filter-history.js'

const at = (position: number, host = 'ws://a'): Position => ({ host, position, time_us: position })

/** A run of a program: what its filter makes of a stored text, and what it stores. */
function run(filters: EventFilters, onFilterChange: 'resume' | 'backfill' = 'backfill') {
  const [lines, gaps]: [string[], Gap[]] = [[], []]
  const history = new FilterHistory({ key: 'name', onFilterChange, current: () => filters })
  const context = {
    log: { warn: (line: string) => lines.push(line) },
    gaps: new Gaps({ next: (gap) => gaps.push(gap) }),
  }
  const { write, read } = formatWith(history)
  const resume = (text: string) => history.resume(read(text, '') as SavedPosition, context)
  const isDelivered = (position: number, collection: string, did = 'did:plc:a', host = 'ws://a') =>
    history.deliveredAt(host, position, position)?.('commit', did, collection) ?? false
  return { history, write, resume, isDelivered, lines, gaps }
}

const stored = (filters: EventFilters, position: number) => run(filters).write(at(position))

describe('the filter beside a position', () => {
  it('is JSON that a reader without names takes for a position', () => {
    expect(stored({ collections: ['b', 'a', 'b'], kinds: [] }, 7)).toBe(
      '{"host":"ws://a","position":7,"time_us":7,"filter":{"collections":["a","b"]}}',
    )
  })

  it.each<[string, EventFilters, EventFilters, 'same' | 'changed' | 'start over']>([
    ['in another order', { collections: ['a', 'b'] }, { collections: ['b', 'a'] }, 'same'],
    ['with an empty list of kinds', {}, { kinds: [] }, 'same'],
    ['less', { collections: ['a', 'b'] }, { collections: ['a'] }, 'changed'],
    [
      'a part of a prefix',
      { collections: ['a.b.*'] },
      { collections: ['a.b.c', 'a.b.d.*'] },
      'changed',
    ],
    ['a limit more', {}, { dids: ['did:plc:a'] }, 'changed'],
    ['nobody', { dids: ['did:plc:a'] }, { dids: [] }, 'changed'],
    ['more', { collections: ['a'] }, { collections: ['a', 'b'] }, 'start over'],
    ['a wider prefix', { collections: ['a.b.c'] }, { collections: ['a.b.*'] }, 'start over'],
    ['something else', { kinds: ['commit'] }, { kinds: ['identity'] }, 'start over'],
    [
      'a limit less',
      { collections: ['a'], kinds: ['commit'] },
      { collections: ['a'] },
      'start over',
    ],
    ['somebody after nobody', { dids: [] }, { dids: ['did:plc:a'] }, 'start over'],
  ])('that takes %s', (_, before, now, resumption) => {
    expect(run(now).resume(stored(before, 7))).toBe(resumption)
    const resumed = run(now, 'resume')
    expect(resumed.resume(stored(before, 7))).toBe(resumption === 'same' ? 'same' : 'changed')
    expect(resumed.lines).toHaveLength(resumption === 'start over' ? 1 : 0)
  })

  it('leaves out what was delivered before the position, not at it, and on its host alone', () => {
    const { resume, isDelivered } = run({ collections: ['a', 'b'] })
    resume(stored({ collections: ['a'] }, 7))
    const delivered = [6, 7, 8].map((position) => isDelivered(position, 'a'))
    expect(delivered).toEqual([true, false, false])
    expect(isDelivered(6, 'b')).toBe(false)
    expect(isDelivered(6, 'a', 'did:plc:a', 'ws://b')).toBe(false)
  })

  it('leaves out no later event of a log that was renumbered, whatever its number', () => {
    const { resume, history } = run({ collections: ['a', 'b'] })
    resume(stored({ collections: ['a'] }, 7))
    expect(history.deliveredAt('ws://a', 6, 8)).toBeUndefined()
  })

  it('that changes again in the middle of a backfill keeps what either has delivered', () => {
    const second = run({ collections: ['a', 'b'] })
    second.resume(stored({ collections: ['a'] }, 70))
    const third = run({ collections: ['a', 'b', 'c'] })
    expect(third.resume(second.write(at(30)))).toBe('start over')
    const delivered = (position: number) =>
      ['a', 'b', 'c'].filter((collection) => third.isDelivered(position, collection)).join('')
    expect([20, 30, 50, 70].map(delivered)).toEqual(['ab', 'a', 'a', ''])
    // It goes on after a restart, and is forgotten where the stream is past it.
    const again = run({ collections: ['a', 'b', 'c'] })
    expect(again.resume(third.write(at(40)))).toBe('same')
    expect([again.isDelivered(50, 'a'), again.isDelivered(20, 'b')]).toEqual([true, false])
    expect(JSON.parse(again.write(at(71))).delivered).toBeUndefined()
  })

  it('of more than a thousand DIDs is a hash: a change is seen, and all comes again', () => {
    const dids = Array.from({ length: 1001 }, (_, n) => `did:plc:${n}`)
    const text = stored({ dids }, 7)
    expect(text.length).toBeLessThan(120)
    expect(run({ dids }).resume(text)).toBe('same')
    const { resume, isDelivered, lines } = run({ dids: [...dids, 'did:plc:more'] })
    expect(resume(text)).toBe('start over')
    expect(isDelivered(6, 'a', 'did:plc:1')).toBe(false)
    expect(lines).toEqual([expect.stringMatching(/all events come again.*more than 1000 DIDs/)])
  })

  it('tells what the server no longer has of an earlier filter as a gap, once', () => {
    const { resume, isDelivered, gaps } = run({ collections: ['a', 'b'] })
    resume(stored({ collections: ['a'] }, 7))
    for (const position of [20, 21]) isDelivered(position, 'a')
    expect(gaps).toEqual([
      { host: 'ws://a', from: 7, to: 20, reason: 'cursor-too-old', recoverable: false },
    ])
  })

  it.each<[string, EventFilters, Position]>([
    ['the stream was going back to the oldest event', {}, { ...at(0), time_us: 0 }],
    ['no event is known to stand at the position', {}, { ...at(7), time_us: 0 }],
    ['the filter leaves out what the earlier one took', { collections: ['b'] }, at(7)],
  ])('tells no gap where %s', (_, now, saved) => {
    const { resume, isDelivered, gaps } = run(now)
    expect(resume(run({ collections: ['a'] }).write(saved))).toBe('start over')
    isDelivered(20, 'b')
    expect(gaps).toEqual([])
  })

  it('tells a gap of a filter whose DIDs are a hash, where the new one takes everybody', () => {
    const { resume, history, gaps } = run({})
    resume(stored({ dids: Array.from({ length: 1001 }, (_, n) => `did:plc:${n}`) }, 7))
    expect(history.isActive).toBe(true)
    history.deliveredAt('ws://a', 20, 20)
    expect(gaps).toHaveLength(1)
  })

  it.each([
    ['a time', at(7, ''), /all events come again, since .* on its way back to a time/],
    ['the oldest event', { ...at(0), time_us: 0 }, /all events come again, since .* oldest event$/],
  ])('of a stream on its way back to %s says that all comes again', (_, saved, line) => {
    const { resume, history, lines, write } = run({ collections: ['a', 'b'] })
    expect(resume(run({ collections: ['a'] }).write(saved))).toBe('start over')
    expect(lines).toEqual([expect.stringMatching(line)])
    expect([history.isActive, JSON.parse(write(at(3))).delivered]).toEqual([false, undefined])
  })
})
