import { readBody } from '../../src/internal/read-body.js'

const chunk = (length: number, byte: number) => new Uint8Array(length).fill(byte)

/** An answer of these chunks; then it neither ends nor lets itself be cancelled. */
function endless(...chunks: readonly Uint8Array[]) {
  const source = {
    pulls: 0,
    cancelled: false,
    pull(controller: ReadableStreamDefaultController<Uint8Array>) {
      const next = chunks[source.pulls]
      source.pulls += 1
      if (next !== undefined) controller.enqueue(next)
    },
    cancel: () => {
      source.cancelled = true
      return new Promise<void>(() => {})
    },
  }
  return { source, response: new Response(new ReadableStream(source, { highWaterMark: 0 })) }
}

describe('the body of an answer', () => {
  it('is read whole where it is as long as it may be', async () => {
    const { bytes, rest } = await readBody(new Response(chunk(10, 7)), 10)
    expect([bytes, rest]).toEqual([chunk(10, 7), false])
  })

  it('is cut where it is longer, and the rest is neither read nor waited for', async () => {
    const { source, response } = endless(chunk(6, 1), chunk(6, 2), chunk(6, 3))
    const { bytes, rest } = await readBody(response, 10)
    expect([...bytes]).toEqual([1, 1, 1, 1, 1, 1, 2, 2, 2, 2])
    expect(rest).toBe(true)
    expect([source.pulls, source.cancelled]).toEqual([2, true])
  })

  it('may be absent', async () => {
    const { bytes, rest } = await readBody(new Response(null), 10)
    expect([bytes.length, rest]).toEqual([0, false])
  })
})
