import {
  type DiscoveryService,
  type ExternalContextCreator,
  MetadataScanner,
  Reflector,
} from '@nestjs/core'
import { ConfigError, type ConfigIssue } from '../index.js'
import { HANDLES } from './decorators.js'
import { ended } from './ended.js'
import type { Handler, Handles } from './handles.js'
import { PARAMETERS, Parameters } from './parameters.js'

/** What `ExecutionContext.getType()` returns in a handler. */
export const CONTEXT_TYPE = 'atproto'

// Parameters of `createParamDecorator` bring their own value.
const NO_PARAMETERS = { exchangeKeyForValue: () => undefined }

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number]
type Method = (...values: unknown[]) => unknown

/**
 * The methods with a decorator, of all providers and controllers. Throws `ConfigError` for those of
 * a provider that is not a singleton.
 */
export function findHandlers(
  discovery: DiscoveryService,
  contexts: ExternalContextCreator,
): readonly Handler[] {
  const scanner = new MetadataScanner()
  const wrappers = new Map<unknown, Wrapper>()
  // An alias has the instance of another provider.
  for (const wrapper of [...discovery.getProviders(), ...discovery.getControllers()])
    if (isObject(wrapper.instance)) wrappers.set(wrapper.instance, wrapper)
  const found = [...wrappers.values()].flatMap((wrapper) =>
    decoratedIn(wrapper.instance, scanner).map((decorated) => ({ wrapper, ...decorated })),
  )
  const issues = found.flatMap(({ wrapper, name }) => mistakesIn(wrapper, name))
  if (issues.length > 0) throw new ConfigError('AtprotoModule', issues)
  return found.flatMap(({ wrapper, method, name, handles }) => {
    const parameters = new Parameters(wrapper.instance, name)
    const called = contexts.create(
      wrapper.instance,
      withEnd(method, parameters.method(method)),
      name,
      PARAMETERS,
      NO_PARAMETERS,
      undefined,
      undefined,
      { guards: true, interceptors: true, filters: true },
      CONTEXT_TYPE,
    )
    const call = parameters.call(called)
    return handles.map((one) => ({ name: nameOf(wrapper, name), handles: one, call }))
  })
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

interface Decorated {
  readonly name: string
  readonly method: Method
  readonly handles: readonly Handles[]
}

function decoratedIn(instance: object, scanner: MetadataScanner): readonly Decorated[] {
  const prototype: object | null = Object.getPrototypeOf(instance)
  return scanner.getAllMethodNames(prototype).flatMap((name) => {
    const method = Reflect.get(prototype ?? {}, name) as Method
    const handles = new Reflector().get<readonly Handles[] | undefined>(HANDLES, method)
    return handles === undefined ? [] : [{ name, method, handles }]
  })
}

const nameOf = ({ instance }: Wrapper, method: string): string =>
  `${instance.constructor.name}.${method}`

function mistakesIn(wrapper: Wrapper, method: string): readonly ConfigIssue[] {
  if (wrapper.isDependencyTreeStatic() && !wrapper.isTransient) return []
  const message =
    'is in a provider of the scope REQUEST or TRANSIENT, or that depends on one: an event is no ' +
    'request. Make it a singleton, and resolve what it needs with `ModuleRef.resolve`'
  return [{ option: nameOf(wrapper, method), message }]
}

/** Nest would take an observable that ends without a value for a failure. */
function withEnd(method: Method, filled: Method): Method {
  const waiting = function (this: unknown, ...values: unknown[]): unknown {
    return ended(filled.apply(this, values))
  }
  // Guards and interceptors read what other decorators noted.
  for (const key of Reflect.getMetadataKeys(method))
    Reflect.defineMetadata(key, Reflect.getMetadata(key, method), waiting)
  return waiting
}
