import { asyncScheduler, Observable, type Subscriber } from 'rxjs'
import type { EventFilters } from '../../../atproto/filters.js'
import type { Connection, Dial, Received, Wait } from '../../../socket/socket.js'
import type { Block } from './block.js'
import { Lifetime } from './lifetime.js'
import { Plan, seqBefore } from './plan.js'
import { ReplayProgress } from './progress.js'
import { Replay, type ReplayHandlers } from './replay.js'
import { type RequestOptions, Requests } from './requests.js'
import { PassedFrame, PayloadRun, PayloadSlab, RowFrame } from './row-frame.js'
import type { RowReader } from './rows.js'

/** What one pass over the archive is asked for. */
export interface ArchivePass {
  readonly requests: RequestOptions
  readonly filters: EventFilters
  readonly rows: RowReader
  readonly verify?: 'footer' | undefined
  /** The first position; or, where it is not known, the first time in unix microseconds. */
  readonly from: { readonly position: number } | { readonly time_us: number }
  /** Before anything is asked, in milliseconds. */
  readonly delay?: Wait | undefined
  started(progress: ReplayProgress): void
  unreadable(from: number, to: number, why: string): void
  /** The error with which the connection ends at the tip; 0 where the archive is empty. */
  ended(tip: number): Error
}

/** Opens the archive as a connection, whose frames are rows. It ends at the tip. */
export const archiveDial =
  (pass: ArchivePass): Dial =>
  ({ waits }) =>
    new Observable<Connection>((subscriber) => {
      const connection = new ArchiveConnection(pass, waits ?? (() => {}))
      connection.ended.then(
        (error) => subscriber.error(error),
        (error) => subscriber.error(error),
      )
      // Not before the archive has answered: an archive that is away is no open connection.
      connection.start(() => subscriber.next(connection))
      return () => connection.close()
    })

class Closed extends Error {}

class ArchiveConnection implements Connection, ReplayHandlers {
  readonly canPause = true
  readonly canRest = true
  heardAt: number | undefined
  readonly frames$ = new Observable<Received>((subscriber) => {
    this.#frames = subscriber
  })
  readonly ended: Promise<Error>
  #end: (error: Error | Promise<Error>) => void = () => {}
  #heard = 0
  #row: RowFrame | undefined
  #frames: Subscriber<Received> | undefined
  #replay: Replay | undefined
  #emitted = 0
  #resume: (() => void) | undefined
  #resumed: Promise<void> | undefined
  readonly #life = new Lifetime()
  readonly #requests: Requests
  readonly #fromUs: number

  constructor(
    private readonly pass: ArchivePass,
    waits: (wait: Wait | undefined) => void,
  ) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#requests = new Requests(pass.requests, this.#life, waits)
    this.#fromUs = 'time_us' in pass.from ? pass.from.time_us : 0
  }

  get bytes(): number {
    return this.#requests.bytes
  }

  /** Each request watches for silence itself, and its waits are no silence. */
  get heard(): number {
    this.#heard += 1
    return this.#heard
  }

  send(): void {}

  ping(): void {}

  pause(): void {
    if (this.#replay !== undefined) this.#replay.window.isPaused = true
    this.#resumed ??= new Promise((resolve) => {
      this.#resume = resolve
    })
  }

  resume(): void {
    this.#resumed = undefined
    this.#resume?.()
    if (this.#replay === undefined) return
    this.#replay.window.isPaused = false
    this.#replay.window.onRoom()
  }

  close(): void {
    this.#life.end(new Closed('the connection is closed'))
    this.#resume?.()
  }

  // --- What the replay finds ---

  async rows(block: Block, after: number, through: number): Promise<void> {
    const { rows } = this.pass
    const row = this.#rowOf(block)
    this.heardAt = asyncScheduler.now()
    while (block.next() && block.seq <= through) {
      if (block.seq <= after || !rows.wants(block)) continue
      if (this.#fromUs > 0 && block.witnessedUs < this.#fromUs) continue
      if (this.#resumed !== undefined) await this.#resumed
      this.#next(row)
      this.#emitted = block.seq
    }
  }

  passed(position: number, time_us: number): void {
    if (position > this.#emitted) this.#next(new PassedFrame(position, time_us))
  }

  unreadable(from: number, to: number, why: string): void {
    this.pass.unreadable(from, to, why)
  }

  #next(frame: Received): void {
    if (this.#frames?.closed !== false) throw new Closed('nobody reads')
    this.#frames.next(frame)
  }

  #rowOf(block: Block): RowFrame {
    const { filters, rows } = this.pass
    const isWhole = Object.values(filters).every((filter) => filter === undefined)
    this.#row ??= new RowFrame(block, rows, isWhole ? new PayloadRun() : new PayloadSlab())
    this.#row.block = block
    return this.#row
  }

  // --- Its life ---

  /** `opened`: called once, when the archive has answered; subscribes to the frames. */
  start(opened: () => void): void {
    this.#run(opened).then(
      (error) => this.#end(error),
      (error) => {
        if (!(error instanceof Closed)) this.#end(error)
      },
    )
  }

  async #run(opened: () => void): Promise<Error> {
    const { filters, ended, started, delay, verify } = this.pass
    if (delay !== undefined) await this.#requests.wait(delay)
    const first = await this.#first()
    // Nothing of the archive is as new.
    if (first === undefined) return ended(0)
    const after = Math.max(0, first - 1)
    const plan = new Plan(this.#requests, filters, after)
    const progress = new ReplayProgress(after, plan, this.#requests)
    started(progress)
    this.#replay = new Replay(this.#requests, plan, progress, this, verify)
    await plan.prefetch()
    opened()
    await this.#replay.run()
    return ended(Math.max(plan.tip ?? 0, progress.at))
  }

  async #first(): Promise<number | undefined> {
    const { from } = this.pass
    if ('position' in from) return from.position
    const before = await seqBefore(this.#requests, from.time_us)
    return before === undefined ? undefined : before + 1
  }
}
