import { newestWins } from '../../src/cursors/newest-wins.js'

/** A disk that is as slow as the spec wants it: each write waits until it is settled by hand. */
function slowDisk() {
  const written: string[] = []
  const waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []
  const writer = newestWins<string>((value) => {
    written.push(value)
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
  })
  return { writer, written, take: () => waiting.shift() }
}

const ticks = () => new Promise((resolve) => setImmediate(resolve))

describe('newestWins', () => {
  it('writes only the newest value after a slow write, and settles all with it', async () => {
    const { writer, written, take } = slowDisk()
    const settled: string[] = []
    const push = (value: string) => writer.push(value).then(() => settled.push(value))
    const first = push('0')
    await ticks()
    const others = Array.from({ length: 1_000 }, (_, n) => push(`${n + 1}`))
    await ticks()
    expect(written).toEqual(['0'])
    expect(settled).toEqual([])

    take()?.resolve()
    await first
    await ticks()
    expect(written).toEqual(['0', '1000'])
    expect(settled).toEqual(['0'])

    take()?.resolve()
    await Promise.all(others)
    expect(settled).toHaveLength(1_001)
    expect(written).toEqual(['0', '1000'])
  })

  it('continues after a failure, which only the callers of that write receive', async () => {
    const { writer, written, take } = slowDisk()
    const failing = expect(writer.push('a')).rejects.toThrow('full')
    await ticks()
    const later = writer.push('b')
    take()?.reject(new Error('full'))
    await failing
    await ticks()
    take()?.resolve()
    await expect(later).resolves.toBeUndefined()
    expect(written).toEqual(['a', 'b'])
  })

  it('is idle when nothing runs or waits, also after a failure', async () => {
    const { writer, take } = slowDisk()
    await writer.idle()
    const first = writer.push('a').catch(() => 'failed')
    await ticks()
    const second = writer.push('b')
    let idle = false
    const waited = writer.idle().then(() => {
      idle = true
    })
    take()?.reject(new Error('full'))
    expect(await first).toBe('failed')
    await ticks()
    expect(idle).toBe(false)
    take()?.resolve()
    await second
    await waited
    expect(idle).toBe(true)
  })
})
