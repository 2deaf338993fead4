export type { ReconnectOptions } from './connection/attempts.js'
export type { BackoffOptions } from './connection/backoff.js'
export type { CheckpointOptions } from './connection/checkpoint.js'
export { hold, type Release } from './connection/delivery.js'
export type { Gap, GapReason } from './connection/gaps.js'
export type { CheckpointConfig, LiveConfig } from './connection/live-config.js'
export { type CompressionStatus, type ConnectionStatus, type StreamMetrics, streamMetrics } from './connection/metrics.js'
export type { RejectedFrame } from './connection/rejects.js'
export type { OnCursorRefused } from './connection/resume.js'
export type { CursorStore } from './cursors/cursor-store.js'
export { type MemoryCursorStore, memoryCursorStore } from './cursors/memory.js'
export * from './errors.js'
export type * from './events.js'
export type { StandardResult, StandardSchema } from './internal/standard-schema.js'
export { type BoundedBatchMapOptions, boundedBatchMap } from './operators/bounded-batch-map.js'
export { type BoundedMergeMapOptions, boundedMergeMap } from './operators/bounded-merge-map.js'
export { isAccount, isCommit, isCreate, isDelete, isIdentity, isUpdate } from './operators/guards.js'
export { held } from './operators/held.js'
export { type IngestOptions, type Ingestor, type Ingestors, ingest } from './operators/ingest.js'
export type { Overflow, QueueOptions } from './operators/queue-options.js'
export type { Routable, RoutedTo } from './operators/route.js'
export type { Frame } from './socket/socket.js'
export type { Compress } from './sources/jetstream/compression.js'
export type { CursorStart, JetstreamConfig } from './sources/jetstream/config.js'
export type { JetstreamFilters } from './sources/jetstream/filters.js'
export { jetstream$ } from './sources/jetstream/jetstream.js'
export {
  type TapAdmin,
  type TapAdminConfig,
  type TapRepoInfo,
  type TapRequestOptions,
  type TapStats,
  tapAdmin,
} from './sources/tap/admin.js'
export type { TapConfig, TapServer } from './sources/tap/config.js'
export { type TapEvent, type TapIdentityEvent, type TapRecordEvent, tapEventSchema } from './sources/tap/events.js'
export { tap$ } from './sources/tap/tap.js'
export { VERSION } from './version.js'
