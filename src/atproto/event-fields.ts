/** Where a record is. */
export interface RecordPath {
  readonly collection?: unknown
  readonly rkey?: unknown
}

/** An event of Jetstream or the firehose (`kind` and `commit`), or of Tap (`type`). */
export interface EventFields extends RecordPath {
  readonly kind?: string
  readonly commit?: RecordPath
  readonly type?: string
}

/** The path of the record that an event is about; `undefined` for other events. */
export const pathOf = (event: EventFields): RecordPath | undefined =>
  event.kind === 'commit' ? event.commit : event.type === 'record' ? event : undefined

/** The collection of the record that an event is about; `undefined` for other events. */
export const collectionOf = (event: EventFields): string | undefined =>
  pathOf(event)?.collection as string | undefined

/** What an event did to its record: `create`, `update`, `delete`, or what a server adds. */
export const operationOf = (event: object): unknown => {
  const { commit, action } = event as { commit?: { operation?: unknown }; action?: unknown }
  return commit === undefined ? action : commit.operation
}

/** Whether an event wrote its record. */
export const isWrite = (event: object): boolean => {
  const operation = operationOf(event)
  return operation === 'create' || operation === 'update'
}
