export type { EventFilters } from './atproto/filters.js'
export type { CursorStore } from './cursors/cursor-store.js'
export { type MemoryCursorStore, memoryCursorStore } from './cursors/memory.js'
export type {
  CheckpointConfig,
  CheckpointOptions,
  PositionFormat,
} from './delivery/checkpoint-options.js'
export { hold, type Release } from './delivery/delivery.js'
export type { Gap, GapReason } from './delivery/gaps.js'
export { type Health, type HealthLimits, healthOf } from './delivery/health.js'
export { type LoggedObservers, logTo } from './delivery/log-to.js'
export {
  type ArchiveMetrics,
  type CompressionStatus,
  type ConnectionStatus,
  type StreamMetrics,
  streamMetrics,
} from './delivery/metrics.js'
export type { Position } from './delivery/position.js'
export {
  type LabelledMetrics,
  PROMETHEUS_TYPE,
  prometheusText,
} from './delivery/prometheus.js'
export type { RejectedFrame } from './delivery/rejects.js'
export * from './errors.js'
export type * from './events.js'
export type { Logger } from './internal/log.js'
export type { MetricLabels } from './internal/prometheus.js'
export type { StandardResult, StandardSchema } from './internal/standard-schema.js'
export type { SequenceConfig } from './live/by-sequence.js'
export type { LiveConfig } from './live/config.js'
export type { OnCursorRefused } from './live/cursor-request.js'
export type { EachHostConfig } from './live/each-host.js'
export type { ReconnectOptions } from './live/hosts.js'
export {
  type BatchContext,
  type BoundedBatchMapOptions,
  boundedBatchMap,
} from './operators/bounded-batch-map.js'
export { type BoundedMergeMapOptions, boundedMergeMap } from './operators/bounded-merge-map.js'
export { type EventsOptions, eventsOf } from './operators/events-of.js'
export {
  isAccount,
  isCommit,
  isCreate,
  isDelete,
  isIdentity,
  isSync,
  isUpdate,
} from './operators/guards.js'
export { held } from './operators/held.js'
export {
  type Around,
  type IngestOptions,
  type Ingestor,
  type Ingestors,
  ingest,
} from './operators/ingest.js'
export { isReply, isRootPost, mentions } from './operators/post-guards.js'
export type { Overflow, QueueOptions } from './operators/queue-options.js'
export type { Routable, RoutedTo } from './operators/route.js'
export { type PipeOptions, type Running, type RunOptions, run } from './operators/run.js'
export {
  type NativeConstructor,
  type NativeSubscriber,
  toNative,
} from './operators/to-native.js'
export { toWebStream } from './operators/to-web-stream.js'
export { type Located, subjectOf, uriOf } from './operators/uris.js'
export {
  type DeletedRecords,
  type WithDeletedOptions,
  withDeleted,
} from './operators/with-deleted.js'
export type { HttpAgent } from './options/agent.js'
export type { BackoffOptions } from './options/backoff.js'
export type { Frame } from './socket/frame.js'
export type { FirehoseConfig } from './sources/firehose/config.js'
export { firehose$ } from './sources/firehose/firehose.js'
export { rawFrame } from './sources/firehose/raw-frame.js'
export { archive$ } from './sources/jetstream/archive/archive.js'
export type { ArchiveConfig } from './sources/jetstream/archive/config.js'
export { type ArchiveCost, archiveCost } from './sources/jetstream/archive/cost.js'
export { isLive } from './sources/jetstream/archive/is-live.js'
export type { Compress } from './sources/jetstream/compression.js'
export type { JetstreamChunksConfig, JetstreamConfig } from './sources/jetstream/config.js'
export type { CursorStart } from './sources/jetstream/cursor-start.js'
export type { JetstreamFilters } from './sources/jetstream/filters.js'
export { jetstream$ } from './sources/jetstream/jetstream.js'
export { rawText } from './sources/jetstream/lazy/raw-text.js'
export type { JetstreamChunk } from './sources/jetstream/raw/chunk.js'
export { jetstreamChunks$ } from './sources/jetstream/raw/jetstream-chunks.js'
export type { LabelsConfig } from './sources/labels/config.js'
export type { LabelEvent } from './sources/labels/label.js'
export { labels$ } from './sources/labels/labels.js'
export type { ListReposConfig } from './sources/repos/config.js'
export type { RepoEvent } from './sources/repos/events.js'
export { listRepos$ } from './sources/repos/list-repos.js'
export type { ListingPosition } from './sources/repos/position.js'
export {
  type TapAdmin,
  type TapAdminConfig,
  type TapRepoInfo,
  type TapRequestOptions,
  type TapStats,
  tapAdmin,
} from './sources/tap/admin.js'
export type { TapConfig, TapServer } from './sources/tap/config.js'
export { tapEventSchema } from './sources/tap/event-schema.js'
export type { TapEvent, TapIdentityEvent, TapRecordEvent } from './sources/tap/events.js'
export type { TapRepoChange, TapRepoState } from './sources/tap/repo-changes.js'
export { tap$ } from './sources/tap/tap.js'
export { type TapReposConfig, tapRepos$ } from './sources/tap/tap-repos.js'
export { VERSION } from './version.js'
