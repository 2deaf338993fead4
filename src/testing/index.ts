/// <reference lib="esnext.disposable" preserve="true" />
// For `AsyncDisposable` in our types, whatever the `lib` of a program is.

export type * from './archive/contract.js'
export * from './archive/fake-archive.js'
export type { ArchiveFault, ArchiveFaultAction, FiredArchiveFault } from './archive/faults.js'
export * from './describe-cursor-store.js'
export type * from './event-stream/contract.js'
export * from './event-stream/fake-firehose.js'
export * from './event-stream/fake-labels.js'
export type {
  AccountBody,
  CommitBody,
  FirehoseMessage,
  FirehoseOp,
  IdentityBody,
  SyncBody,
} from './event-stream/firehose-message.js'
export { decodeMessage, encodeMessage } from './event-stream/firehose-message.js'
export type { FakeLabel, LabelsBody } from './event-stream/label-message.js'
export { encodeLabels, labelsOf } from './event-stream/label-message.js'
export * from './event-stream/ops-of.js'
export type * from './generate/commit-flaws.js'
export * from './generate/commits.js'
export * from './generate/events.js'
export * from './generate/labels.js'
export { random } from './generate/random.js'
export * from './generate/repos.js'
export type * from './jetstream/contract.js'
export * from './jetstream/fake-jetstream.js'
export type { LogItem, LogRow } from './jetstream/log.js'
export { type Recording, readRecording } from './jetstream/recording.js'
export * from './marbles.js'
export type * from './proxy/contract.js'
export * from './proxy/fault-proxy.js'
export type * from './repos/contract.js'
export * from './repos/fake-repos.js'
export type { FiredReposFault, ReposFault, ReposFaultAction } from './repos/faults.js'
export type { FakeAttempt, FakeConnection, FakeRequest } from './server/fake-connection.js'
export type * from './server/faults.js'
export type { ItemSource } from './server/script.js'
export * from './tap/contract.js'
export * from './tap/fake-tap.js'
