import { freeBytes } from '../../../../src/sources/jetstream/archive/free-bytes.js'

/** Whether the buffer of these bytes is given up. */
function isFreed(bytes: Uint8Array, room?: number): boolean {
  let isTransferred = false
  Object.assign(bytes.buffer, {
    transfer: () => {
      isTransferred = true
    },
  })
  freeBytes(bytes, room)
  return isTransferred
}

describe('bytes that nobody needs any more', () => {
  it('are freed where they have a buffer of their own', () => {
    expect(isFreed(new Uint8Array(100_000))).toBe(true)
    expect(isFreed(new Uint8Array(new ArrayBuffer(100_064), 0, 100_000), 64)).toBe(true)
    expect(isFreed(new Uint8Array(new ArrayBuffer(100_064), 0, 100_000))).toBe(false)
  })

  it('stay where they share a buffer: Node cuts small ones out of a pool', () => {
    expect(isFreed(new Uint8Array(new ArrayBuffer(8192), 0, 2000))).toBe(false)
    expect(isFreed(new Uint8Array(new ArrayBuffer(8192), 4096))).toBe(false)
  })

  it('wait for a collection on a platform that cannot free them', () => {
    const bytes = new Uint8Array(100)
    Object.assign(bytes.buffer, { transfer: undefined })
    freeBytes(bytes)
    expect(bytes).toHaveLength(100)
  })
})
