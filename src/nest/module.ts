import {
  type DynamicModule,
  type FactoryProvider,
  Module,
  type ModuleMetadata,
  type Provider,
  type Type,
} from '@nestjs/common'
import { ConfigError } from '../index.js'
import type { AtprotoStream } from './atproto-stream.js'
import { type AtprotoStreamOptions, checkStreamOptions } from './options.js'
import { AtprotoCoreModule, AtprotoStreams } from './streams.js'
import {
  DEFAULT_STREAM,
  getStreamMetricsToken,
  getStreamOptionsToken,
  getStreamToken,
} from './tokens.js'

interface Named {
  /**
   * The name of the stream, for the decorators and for the store of its checkpoint.
   * @default 'default'
   */
  readonly stream?: string | undefined
}

/** The options of `AtprotoModule.forRoot` and `forFeature`. */
export interface AtprotoModuleOptions extends AtprotoStreamOptions, Named {}

/** Makes the options of a stream: for `useClass` and `useExisting`. */
export interface AtprotoOptionsFactory {
  createAtprotoOptions(): AtprotoStreamOptions | Promise<AtprotoStreamOptions>
}

// biome-ignore lint/suspicious/noExplicitAny: the providers of `inject`, as in Nest's own modules
type MakeOptions = (...provided: any[]) => AtprotoStreamOptions | Promise<AtprotoStreamOptions>

/** The options of `AtprotoModule.forRootAsync` and `forFeatureAsync`: one of the three `use…`. */
export interface AtprotoModuleAsyncOptions extends Named, Pick<ModuleMetadata, 'imports'> {
  /**
   * What `useFactory` receives.
   * @default []
   */
  readonly inject?: FactoryProvider['inject']
  /**
   * Returns the options, or a promise of them.
   * @default none
   */
  readonly useFactory?: MakeOptions
  /**
   * A class that makes the options. It is instantiated in this module.
   * @default none
   */
  readonly useClass?: Type<AtprotoOptionsFactory>
  /**
   * A provider that makes the options.
   * @default none
   */
  readonly useExisting?: Type<AtprotoOptionsFactory>
}

/**
 * Reads streams of the AT Protocol into the handlers of an application. Global: import it once for
 * each stream.
 *
 * @example
 * ```ts
 * const imports = [
 *   AtprotoModule.forRoot({ source: { jetstream: {} }, ingest: { concurrency: 16 } }),
 *   AtprotoModule.forFeature({ stream: 'tap', source: { tap: {} } }),
 * ]
 * ```
 */
/* biome-ignore lint/complexity/noStaticOnlyClass: Nest knows a module by its class */
export class AtprotoModule {
  /** Configures a stream. **Errors**: {@link ConfigError} at the call. */
  static forRoot({ stream, ...options }: AtprotoModuleOptions): DynamicModule {
    checkStreamOptions(options)
    return moduleOf(stream, [{ provide: getStreamOptionsToken(stream), useValue: options }])
  }

  /** Configures a stream with what other providers know, such as a `ConfigService`. */
  static forRootAsync(options: AtprotoModuleAsyncOptions): DynamicModule {
    const { imports = [], stream } = options
    return moduleOf(stream, providersOf(options, getStreamOptionsToken(stream)), imports)
  }

  /** Configures a further stream, beside the module that handles it. As `forRoot`. */
  static forFeature(options: AtprotoModuleOptions & { readonly stream: string }): DynamicModule {
    return AtprotoModule.forRoot(options)
  }

  /** As `forRootAsync`. */
  static forFeatureAsync(
    options: AtprotoModuleAsyncOptions & { readonly stream: string },
  ): DynamicModule {
    return AtprotoModule.forRootAsync(options)
  }
}
Module({})(AtprotoModule)

function moduleOf(
  stream: string = DEFAULT_STREAM,
  providers: readonly Provider[],
  imports: ModuleMetadata['imports'] = [],
): DynamicModule {
  const [options, token] = [getStreamOptionsToken(stream), getStreamToken(stream)]
  const metrics = getStreamMetricsToken(stream)
  return {
    module: AtprotoModule,
    global: true,
    imports: [AtprotoCoreModule, ...imports],
    providers: [
      ...providers,
      {
        provide: token,
        inject: [AtprotoStreams, options],
        useFactory: (streams: AtprotoStreams, given: AtprotoStreamOptions): AtprotoStream =>
          streams.add(stream, checkStreamOptions(given)),
      },
      { provide: metrics, inject: [token], useFactory: (one: AtprotoStream) => one.metrics$ },
    ],
    exports: [token, metrics],
  }
}

/** The providers of the options. Throws `ConfigError` where none makes them. */
function providersOf(
  { inject = [], useFactory, useClass, useExisting }: AtprotoModuleAsyncOptions,
  provide: string,
): readonly Provider[] {
  if (useFactory !== undefined) return [{ provide, inject, useFactory }]
  const factory = useExisting ?? useClass
  if (factory === undefined)
    throw new ConfigError('AtprotoModule', [
      { option: 'useFactory', message: 'is missing, and so are `useClass` and `useExisting`' },
    ])
  const made = {
    provide,
    inject: [factory],
    useFactory: (one: AtprotoOptionsFactory) => one.createAtprotoOptions(),
  }
  return useClass === undefined ? [made] : [made, useClass]
}
