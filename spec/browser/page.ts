/** A WebSocket that opens and receives when the spec says so. */
export class FakeSocket {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  isClosed = false

  constructor(readonly url: string) {}

  get params(): URLSearchParams {
    return new URL(this.url).searchParams
  }

  open(): void {
    this.onopen?.()
  }

  /** An event of an identity, at a time of the server. */
  receive(time_us: number, did = 'did:plc:a'): void {
    const identity = { did, seq: 1, time: '2026-01-01T00:00:00Z' }
    this.onmessage?.({ data: JSON.stringify({ did, time_us, kind: 'identity', identity }) })
  }

  close(): void {
    this.isClosed = true
  }
}

/** What a page has and Node has not, for a spec to move. */
export class FakePage {
  readonly document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  readonly #callbacks = new Map<number, FrameRequestCallback>()
  readonly #before = new Map<string, PropertyDescriptor | undefined>()
  /** How many frames were asked for. */
  asked = 0
  /** The sockets that were opened since the page was. */
  readonly sockets: FakeSocket[] = []
  /** Called when a socket is opened. */
  onDial = () => {}

  readonly #globals = {
    document: this.document,
    requestAnimationFrame: (callback: FrameRequestCallback): number => {
      this.asked += 1
      this.#callbacks.set(this.asked, callback)
      return this.asked
    },
    cancelAnimationFrame: (id: number): void => void this.#callbacks.delete(id),
    WebSocket: this.#socketClass(),
  }

  /** How many frames are asked for, and neither drawn nor cancelled. */
  get pending(): number {
    return this.#callbacks.size
  }

  /** Settles at the next dial. */
  dialled(): Promise<void> {
    return new Promise((resolve) => {
      this.onDial = resolve
    })
  }

  /** Puts the page's globals in place. The page is visible. */
  open(): void {
    this.sockets.length = 0
    this.onDial = () => {}
    this.show()
    for (const [name, value] of Object.entries(this.#globals)) {
      this.#before.set(name, Object.getOwnPropertyDescriptor(globalThis, name))
      Object.defineProperty(globalThis, name, { configurable: true, value })
    }
  }

  /** Opens the page before each test. Calls `end` after each, and closes the page then. */
  aroundEach(end: () => void): this {
    beforeEach(() => this.open())
    afterEach(() => {
      end()
      this.close()
    })
    return this
  }

  /** The socket that was opened last. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1)
    if (socket === undefined) throw new Error('nothing was dialled')
    return socket
  }

  close(): void {
    for (const [name, descriptor] of this.#before)
      if (descriptor === undefined) Reflect.deleteProperty(globalThis, name)
      else Object.defineProperty(globalThis, name, descriptor)
  }

  #socketClass(): object {
    const page = this
    return class extends FakeSocket {
      static readonly OPEN = 1
      constructor(url: string) {
        super(url)
        page.sockets.push(this)
        page.onDial()
      }
    }
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
