import { Fingerprint } from '../../src/internal/fingerprint.js'
import { RecentlyReceived, type Recognising } from '../../src/live/recently-received.js'
import { fingerprintOf, identityOf } from '../../src/sources/jetstream/identity.js'
import { generateEvents } from '../../src/testing/index.js'

const [A, B] = ['ws://a', 'ws://b']
const SECOND = 1_000_000

/** Events are numbers, and their own fingerprints. Their last digit names the repository. */
const numbers: Recognising<number> = {
  fingerprintOf: (event) => event,
  repositoryOf: (event) => String(event % 10),
}

/** One event a second. */
function receiving() {
  const recently = new RecentlyReceived<number>()
  recently.dial(numbers)
  return (event: number, host: string) => recently.isNew(event, host, event * SECOND)
}

describe('what was received recently', () => {
  it('is recognised when another host sends it again, and what is new is not', () => {
    const isNew = receiving()
    for (let event = 100; event < 200; event += 1) expect(isNew(event, A)).toBe(true)
    const answers = Array.from({ length: 30 }, (_, index) => isNew(190 + index, B))
    expect(answers).toEqual(Array.from({ length: 30 }, (_, index) => index >= 10))
  })

  it('is recognised over more than one host', () => {
    const isNew = receiving()
    for (let event = 0; event < 10; event += 1) isNew(event, A)
    for (let event = 5; event < 20; event += 1) isNew(event, B)
    expect([8, 15, 19, 20].map((event) => isNew(event, A))).toEqual([false, false, false, true])
  })

  it('is not looked for on the host that has sent it: a log may be another one', () => {
    const isNew = receiving()
    isNew(1, A)
    expect(isNew(1, A)).toBe(true)
  })

  it('is bounded: of what is older nothing is known', () => {
    const isNew = receiving()
    for (let event = 0; event < 40_000; event += 1) isNew(event, A)
    expect(isNew(1, B)).toBe(true)
    expect(isNew(39_998, B)).toBe(false)
  })

  it('comes again after an older event of its repository, and only there', () => {
    const isNew = receiving()
    for (const event of [30, 31, 40, 41]) isNew(event, A)
    const answers = [20, 30, 31, 40, 41, 50, 51].map((event) => isNew(event, B))
    expect(answers).toEqual([true, true, false, true, false, true, true])
  })

  it('is not looked for any more a minute after the last event of the other host', () => {
    const recently = new RecentlyReceived<number>()
    recently.dial(numbers)
    recently.isNew(7, A, 0)
    expect(recently.isNew(8, B, 61 * SECOND)).toBe(true)
    expect(recently.isNew(7, B, 62 * SECOND)).toBe(true)
  })
})

describe('the fingerprint of an event', () => {
  it('is equal for copies, and tells all other events apart', () => {
    const hash = new Fingerprint()
    const events = [...generateEvents({ count: 5000, operationsPerCommit: 3 })]
    const identities = new Set(events.map(identityOf))
    const prints = new Set(events.map((event) => fingerprintOf(event, hash)))
    expect(prints.size).toBe(identities.size)
    const copies = events.map((event) => ({ ...event, time_us: 5, cursor: 7 }))
    for (const copy of copies) expect(prints).toContain(fingerprintOf(copy, hash))
  })

  it('depends on each character that counts, and on its place', () => {
    const of = (text: string, from: number) => new Fingerprint().begin().add(text, from).value
    const texts = ['abcd', 'bbcd', 'accd', 'abdd', 'abce', 'bacd', 'abc', 'abcde']
    expect(new Set(texts.map((text) => of(text, 0))).size).toBe(texts.length)
    expect(of('xxabcd', 2)).toBe(of('abcd', -1))
    for (const text of texts) expect(Number.isSafeInteger(of(text, 0))).toBe(true)
  })
})
