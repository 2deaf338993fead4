export type { AtprotoStream } from './atproto-stream.js'
export {
  type HandlerDecorator,
  OnAccount,
  OnBatch,
  type OnBatchOptions,
  OnDeadLetter,
  OnDelete,
  OnGap,
  OnIdentity,
  OnLabel,
  type OnOptions,
  OnRecord,
  type OnRecordOptions,
  OnSync,
} from './decorators.js'
export { EventPayload } from './event-payload.js'
export {
  AtprotoModule,
  type AtprotoModuleAsyncOptions,
  type AtprotoModuleOptions,
  type AtprotoOptionsFactory,
} from './module.js'
export type { AtprotoIngestOptions, AtprotoStreamOptions } from './options.js'
export type { AtprotoSource } from './source.js'
export { AtprotoTesting } from './testing.js'
export { AtprotoTestingModule } from './testing-module.js'
export {
  getStreamMetricsToken,
  getStreamOptionsToken,
  getStreamToken,
  InjectStream,
  InjectStreamMetrics,
} from './tokens.js'
