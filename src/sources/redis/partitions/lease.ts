import { asyncScheduler, type Subscription } from 'rxjs'
import type { RedisCommands } from '../../../redis-client/client.js'
import type { Reader } from '../reader.js'
import { LEASE, RELEASE } from '../scripts.js'

/**
 * Who has a lease: a process, and which of its leases it is, since what one is late with must not
 * pass for the next.
 */
export interface LeaseOwner {
  readonly process: string
  /** Begins with that of the process. */
  readonly name: string
}

/** The right to read one partition, for a while. */
export class Lease {
  reader: Reader | undefined
  reading: Subscription | undefined
  /** Given away as soon as what is in the pipe is done. */
  leaving = false
  // By our own clock, counted from before it was asked for: it ends here before it does in Redis.
  #until = 0

  constructor(
    readonly partition: number,
    readonly stream: string,
    readonly key: string,
    readonly owner: LeaseOwner,
    private readonly commands: RedisCommands,
    private readonly leaseMs: number,
  ) {}

  get held(): boolean {
    return asyncScheduler.now() < this.#until
  }

  /** Also from an earlier lease of this process. Answers whether it is ours now. */
  async take(): Promise<boolean> {
    const askedAt = asyncScheduler.now()
    if (await this.#ask(this.owner.process)) this.#until = askedAt + this.leaseMs
    return this.held
  }

  /**
   * One that ran out before the answer came is lost for good: another process may have had the
   * partition meanwhile.
   */
  async prolong(): Promise<void> {
    const askedAt = asyncScheduler.now()
    const isOurs = await this.#ask(this.owner.name)
    this.#until = isOurs && this.held ? askedAt + this.leaseMs : 0
  }

  lose(): void {
    this.#until = 0
  }

  /** Settles when Redis has heard it. Where it is not heard, the lease runs out. */
  release(): Promise<unknown> {
    this.lose()
    return RELEASE.run(this.commands, [this.key], [this.owner.name]).catch(() => {})
  }

  async #ask(from: string): Promise<boolean> {
    return (
      Number(
        await LEASE.run(this.commands, [this.key], [this.owner.name, `${this.leaseMs}`, from]),
      ) === 1
    )
  }
}
