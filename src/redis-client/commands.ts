import { from, lastValueFrom, merge, Subject, take, timeout } from 'rxjs'
import { RedisUnavailableError } from '../errors.js'
import type { RedisClient, RedisCommand, RedisCommands, RedisConnection } from './client.js'
import { type Driver, driverOf } from './drivers.js'
import { redisError } from './failure.js'

// Long enough for a slow script, short enough to notice a Redis that hangs.
const DEADLINE_MS = 5000

/** Sends commands through the client. */
export const redisCommands = (client: RedisClient): RedisCommands =>
  new DriverCommands(driverOf(client))

class DriverCommands implements RedisConnection {
  readonly #closed$ = new Subject<never>()

  constructor(private readonly driver: Driver) {}

  send(command: RedisCommand, deadlineMs = DEADLINE_MS): Promise<unknown> {
    const reply = this.driver.send(command).catch((error: unknown) => {
      throw redisError(error, this.driver)
    })
    return this.#within(deadlineMs, reply)
  }

  pipeline(
    commands: readonly RedisCommand[],
    deadlineMs = DEADLINE_MS,
  ): Promise<readonly unknown[]> {
    const replies = this.driver.pipeline(commands).catch((error: unknown) => {
      throw redisError(error, this.driver)
    })
    return this.#within(deadlineMs, replies)
  }

  duplicate(): RedisConnection {
    return new DriverCommands(this.driver.duplicate())
  }

  close(): void {
    this.driver.close()
    // ioredis keeps commands pending when it is disconnected while it reconnects to a sentinel: the
    // deadline of a blocking read would then keep the process running for seconds.
    this.#closed$.error(redisError(new Error('closed'), { closed: true, isCluster: false }))
  }

  #within<T>(deadlineMs: number, reply: Promise<T>): Promise<T> {
    const late = { first: deadlineMs, with: () => Promise.reject(lateError(deadlineMs)) }
    return lastValueFrom(merge(from(reply), this.#closed$).pipe(take(1), timeout(late)))
  }
}

const lateError = (deadlineMs: number) =>
  new RedisUnavailableError(`Redis did not answer within ${deadlineMs} ms`, 'TIMEOUT')
