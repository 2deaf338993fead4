/** What a page has and Node has not, for a spec to move. */
export class FakePage {
  readonly document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  readonly #callbacks = new Map<number, FrameRequestCallback>()
  readonly #before = new Map<string, PropertyDescriptor | undefined>()
  /** How many frames were asked for. */
  asked = 0

  readonly #globals = {
    document: this.document,
    requestAnimationFrame: (callback: FrameRequestCallback): number => {
      this.asked += 1
      this.#callbacks.set(this.asked, callback)
      return this.asked
    },
    cancelAnimationFrame: (id: number): void => void this.#callbacks.delete(id),
  }

  /** How many frames are asked for, and neither drawn nor cancelled. */
  get pending(): number {
    return this.#callbacks.size
  }

  /** Puts the page's globals in place. */
  open(): void {
    for (const [name, value] of Object.entries(this.#globals)) {
      this.#before.set(name, Object.getOwnPropertyDescriptor(globalThis, name))
      Object.defineProperty(globalThis, name, { configurable: true, value })
    }
  }

  close(): void {
    for (const [name, descriptor] of this.#before)
      if (descriptor === undefined) Reflect.deleteProperty(globalThis, name)
      else Object.defineProperty(globalThis, name, descriptor)
  }

  drawFrame(): void {
    const callbacks = [...this.#callbacks.values()]
    this.#callbacks.clear()
    for (const callback of callbacks) callback(0)
  }

  hide(): void {
    this.#turn('hidden')
  }

  show(): void {
    this.#turn('visible')
  }

  #turn(visibilityState: 'hidden' | 'visible'): void {
    Object.assign(this.document, { visibilityState })
    this.document.dispatchEvent(new Event('visibilitychange'))
  }
}
