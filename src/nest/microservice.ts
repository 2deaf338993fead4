import {
  BaseRpcContext,
  type CustomTransportStrategy,
  type MessageHandler,
  Server,
} from '@nestjs/microservices'
import { Subscription } from 'rxjs'
import { isNsid, isNsidPrefix } from '../atproto/syntax.js'
import { ConfigError } from '../index.js'
import { type AtprotoStream, NamedStream } from './atproto-stream.js'
import { ended } from './ended.js'
import type { Handler, Handles } from './handles.js'
import type { AtprotoModuleOptions } from './module.js'
import { checkStreamOptions } from './options.js'
import { onFatal } from './shut-down.js'
import { DEFAULT_STREAM } from './tokens.js'

export type { AtprotoModuleOptions } from './module.js'

const KINDS = ['identity', 'account', 'sync', 'label'] as const

/**
 * A transport for `@EventPattern` of `@nestjs/microservices`. The patterns are those of `ingest`:
 * an NSID or a prefix, whose handler receives writes and deletes, `identity`, `account`, `sync` and
 * `label`. An event is done when its handler is. `close()` drains.
 *
 * **Errors**: {@link ConfigError} at the call, and for a pattern that is none of these.
 *
 * @example
 * ```ts
 * const strategy = new AtprotoStrategy({ source: { jetstream: {} }, ingest: { concurrency: 16 } })
 * const connect = (app: { connectMicroservice(options: object): unknown }) =>
 *   app.connectMicroservice({ strategy })
 * ```
 */
export class AtprotoStrategy extends Server implements CustomTransportStrategy {
  readonly #stream: NamedStream
  readonly #timers = new Subscription()

  constructor({ stream = DEFAULT_STREAM, ...options }: AtprotoModuleOptions) {
    super()
    this.#stream = new NamedStream(stream, checkStreamOptions(options))
  }

  /** The metrics, the health and the end of the stream. */
  get stream(): AtprotoStream {
    return this.#stream
  }

  /** Called by Nest. Does not wait for a socket. */
  listen(callback: (error?: unknown) => void): void {
    const stream = this.#stream
    try {
      const handlers = [...this.messageHandlers].flatMap(([key, one]) => handlersOf(key, one))
      stream.prepare(handlers)()
    } catch (error) {
      callback(error)
      return
    }
    void stream.drained.then(() => {
      if (stream.failed !== undefined && !this.#timers.closed)
        this.#timers.add(onFatal(stream, stream.failed, () => stream.stop()))
    })
    callback()
  }

  /** Reads no further event, and lets the work end. Called by Nest. */
  close(): Promise<void> {
    this.#timers.unsubscribe()
    return this.#stream.stop()
  }

  /** There are no events to listen to: see `metrics$` of {@link stream}. */
  on(): void {}

  /** Returns {@link stream}. */
  unwrap<T>(): T {
    return this.#stream as unknown as T
  }
}

function handlersOf(key: string, handler: MessageHandler): readonly Handler[] {
  return handlesOf(key).map((handles) => ({
    name: `@EventPattern('${key}')`,
    handles,
    call: async (event) => ended(await handler(event, new BaseRpcContext([key]))),
  }))
}

function handlesOf(key: string): readonly Handles[] {
  const stream = DEFAULT_STREAM
  if (isNsid(key) || isNsidPrefix(key))
    return (['record', 'delete'] as const).map((on) => ({ on, stream, collection: key }))
  const on = KINDS.find((kind) => kind === key)
  if (on !== undefined) return [{ on, stream }]
  const message = `must be an NSID, a prefix such as app.bsky.feed.*, or one of ${KINDS.join(', ')}`
  throw new ConfigError('AtprotoStrategy', [{ option: key, message }])
}
