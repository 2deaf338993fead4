import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { generateEvents } from '../../src/testing/index.js'
import { JetstreamLog, type JetstreamRow } from '../../src/testing/jetstream/log.js'
import { WireFrames } from '../../src/testing/jetstream/wire-frames.js'
import type { Frame } from '../../src/testing/wire/frame-store.js'

const logOf = (retainEvents: number) =>
  new JetstreamLog({ server: 'v2', firstSeq: 1, retainEvents, retainMs: Number.POSITIVE_INFINITY })

function push(log: JetstreamLog, seed: number, count: number): void {
  for (const event of generateEvents({ seed, count })) log.push(log.encode(event))
}

const rowAt = (log: JetstreamLog, place: number): JetstreamRow => {
  const row = log.at(place)
  if (row === undefined) throw new Error(`there is no row at ${place}`)
  return row
}

/** A frame that `expect` holds is printed when it fails, with a slab of a mebibyte. */
const isSame = (one: Frame | undefined, other: Frame | undefined): boolean => one === other

function didOf(forms: WireFrames, row: JetstreamRow): string {
  const { slab, payload, end } = forms.v2(row)
  return JSON.parse(slab.toString('utf8', payload, end)).payload.did
}

describe('the forms of a row', () => {
  it('are made once', () => {
    const log = logOf(10)
    push(log, 1, 1)
    const forms = new WireFrames()
    const row = rowAt(log, 0)
    const frame = forms.v2(row)
    expect(isSame(frame, row)).toBe(false)
    expect(isSame(frame, forms.v2(row))).toBe(true)
  })

  it('are its own, where it took the place and the number of one that was lost', () => {
    const log = logOf(10)
    push(log, 1, 3)
    const forms = new WireFrames()
    const lost = didOf(forms, rowAt(log, 2))
    log.lose(1)
    push(log, 2, 1)
    const row = rowAt(log, 2)
    expect(row.seq).toBe(3)
    expect(didOf(forms, row)).toBe(row.did)
    expect(row.did).not.toBe(lost)
  })

  it('go when the log lets go of the row', async () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    const log = logOf(1)
    const forms = new WireFrames()
    push(log, 1, 1)
    const gone = new WeakRef(forms.v2(rowAt(log, 0)))
    // A log is trimmed in large steps.
    while (log.at(0) !== undefined) log.push(log.encode('{}'))
    push(log, 2, 1)
    const newest = rowAt(log, log.end - 1)
    const kept = new WeakRef(forms.v2(newest))
    await turn()
    collect()
    expect(isSame(gone.deref(), undefined)).toBe(true)
    expect(isSame(kept.deref(), forms.v2(newest))).toBe(true)
  })
})
