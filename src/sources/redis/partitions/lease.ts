import { asyncScheduler } from 'rxjs'
import type { RedisCommands } from '../../../redis-client/client.js'
import { Script } from '../../../redis-client/script.js'

/**
 * KEYS: lease. ARGV: owner, for how long, how the names of owners begin that it may follow. Takes
 * the lease if it is free or one of theirs.
 */
const TAKE = new Script(`
local owner = redis.call('GET', KEYS[1])
if owner and string.sub(owner, 1, #ARGV[3]) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`)

/** KEYS: lease. ARGV: owner. */
export const RELEASE = new Script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)

/**
 * The owner of a lease: a process and a lease number, so that a late reply to an old lease is not
 * taken for the current one.
 */
export interface LeaseOwner {
  readonly process: string
  /** Begins with that of the process. */
  readonly name: string
}

/** The right to read one partition, for a while. */
export class Lease {
  // By our own clock, from before the request: the lease ends here before it ends in Redis.
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

  /** May follow an earlier lease of this process. Returns whether it is ours now. */
  async take(): Promise<boolean> {
    const askedAt = asyncScheduler.now()
    if (await this.#request(this.owner.process)) this.#until = askedAt + this.leaseMs
    return this.held
  }

  /**
   * A lease that ran out before the reply came is lost for good: another process may have had the
   * partition meanwhile.
   */
  async renew(): Promise<void> {
    const askedAt = asyncScheduler.now()
    const isOurs = await this.#request(this.owner.name)
    this.#until = isOurs && this.held ? askedAt + this.leaseMs : 0
  }

  lose(): void {
    this.#until = 0
  }

  /** Settles when Redis has answered. If the command does not reach it, the lease runs out. */
  release(): Promise<unknown> {
    this.lose()
    return RELEASE.run(this.commands, [this.key], [this.owner.name]).catch(() => {})
  }

  async #request(from: string): Promise<boolean> {
    const args = [this.owner.name, `${this.leaseMs}`, from]
    return Number(await TAKE.run(this.commands, [this.key], args)) === 1
  }
}
