import { AsyncLocalStorage } from 'node:async_hooks'

/** `ROUTE_ARGS_METADATA` of Nest, where `createParamDecorator` notes the parameters of a method. */
export const PARAMETERS = '__routeArguments__'

/** A method, and what calls it through its guards, pipes and interceptors. */
type Call = (...values: unknown[]) => unknown

/**
 * Passes what a handler is called with to its parameters without a decorator. Where one parameter
 * of a method has a decorator, Nest passes only those that have one: of
 * `rows(@EventPayload() events, { position })`, the second would be `undefined`.
 *
 * Nest calls the method with its own values alone. Those of the call come to it by the context of
 * asynchronous work, which costs time with each event: so only where a method needs it.
 */
export class Parameters {
  readonly #decorated: ReadonlySet<number>
  readonly #given = new AsyncLocalStorage<readonly unknown[]>()

  constructor(instance: object, method: string) {
    const noted = Reflect.getMetadata(PARAMETERS, instance.constructor, method) as
      | Readonly<Record<string, { readonly index: number }>>
      | undefined
    this.#decorated = new Set(Object.values(noted ?? {}).map(({ index }) => index))
  }

  /** The method as Nest is to call it. */
  method(method: Call): Call {
    if (this.#decorated.size === 0) return method
    const [decorated, given] = [this.#decorated, this.#given]
    return function (this: unknown, ...fromNest: unknown[]): unknown {
      const values = [...fromNest]
      for (const [index, value] of (given.getStore() ?? []).entries())
        if (!decorated.has(index)) values[index] = value
      return method.apply(this, values)
    }
  }

  /** What Nest made of the method, as a handler is to call it. */
  call<R>(call: (...values: unknown[]) => R): (...values: unknown[]) => R {
    if (this.#decorated.size === 0) return call
    return (...values) => this.#given.run(values, () => call(...values))
  }
}
