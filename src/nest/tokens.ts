import { Inject } from '@nestjs/common'

/** The name of a stream that has been given none. */
export const DEFAULT_STREAM = 'default'

/** The token of the `AtprotoStream` of this name, for `overrideProvider` and factories. */
export const getStreamToken = (stream: string = DEFAULT_STREAM): string =>
  `rxjs-atproto:stream:${stream}`

/** The token of the metrics of a stream, for factories. */
export const getStreamMetricsToken = (stream: string = DEFAULT_STREAM): string =>
  `rxjs-atproto:metrics:${stream}`

/** The token of the options of a stream, for `overrideProvider`. */
export const getStreamOptionsToken = (stream: string = DEFAULT_STREAM): string =>
  `rxjs-atproto:options:${stream}`

/** Injects the `AtprotoStream` of this name: its metrics, its end, and `stop`. */
export const InjectStream = (
  stream: string = DEFAULT_STREAM,
): PropertyDecorator & ParameterDecorator => Inject(getStreamToken(stream))

/** Injects the metrics of a stream, a `BehaviorSubject<StreamMetrics>`. */
export const InjectStreamMetrics = (
  stream: string = DEFAULT_STREAM,
): PropertyDecorator & ParameterDecorator => Inject(getStreamMetricsToken(stream))
