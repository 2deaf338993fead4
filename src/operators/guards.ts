/** An event of Jetstream or of the firehose. */
export interface Kinded {
  readonly kind: string
}

type Committed<E> = Extract<E, { readonly kind: 'commit' }>

/** The commit events of collection `C` among `E`, with this operation. */
export type OperationOf<E, C extends string, Op extends string> = E extends {
  readonly kind: 'commit'
  readonly commit: { readonly collection: infer Known extends string }
}
  ? C extends Known
    ? E & {
        readonly commit: Extract<E['commit' & keyof E], { readonly operation: Op }> & {
          readonly collection: C
        }
      }
    : never
  : never

type Guard<C extends string, Op extends string> = <E extends Kinded>(
  event: E,
) => event is E & OperationOf<E, C, Op>

interface CommitLike extends Kinded {
  readonly commit?: { readonly operation?: unknown; readonly collection?: unknown }
}

const isOperation =
  <C extends string, Op extends string>(collection: C, operation: Op): Guard<C, Op> =>
  <E extends Kinded>(event: E): event is E & OperationOf<E, C, Op> => {
    const { kind, commit } = event as CommitLike
    return kind === 'commit' && commit?.operation === operation && commit.collection === collection
  }

/**
 * Any operation on a record.
 *
 * @example
 * ```ts
 * jetstream$().pipe(filter(isCommit), map(({ commit }) => commit.collection))
 * ```
 */
export const isCommit = <E extends Kinded>(event: E): event is Committed<E> =>
  event.kind === 'commit'

/**
 * Creations in the collection `nsid`: narrows `event.commit.record` to its type.
 *
 * @example
 * ```ts
 * jetstream$<{ 'com.example.note': { text: string } }>()
 *   .pipe(filter(isCreate('com.example.note')), map(({ commit }) => commit.record.text))
 * ```
 */
export const isCreate = <C extends string>(nsid: C): Guard<C, 'create'> =>
  isOperation(nsid, 'create')

/**
 * Updates in the collection `nsid`: the record is the new one.
 *
 * @example
 * ```ts
 * jetstream$().pipe(
 *   filter(isUpdate('app.bsky.actor.profile')),
 *   map(({ did, commit }) => [did, commit.cid]),
 * )
 * ```
 */
export const isUpdate = <C extends string>(nsid: C): Guard<C, 'update'> =>
  isOperation(nsid, 'update')

/**
 * Deletions in the collection `nsid`: no record, no cid.
 *
 * @example
 * ```ts
 * jetstream$().pipe(
 *   filter(isDelete('app.bsky.feed.like')),
 *   map(({ did, commit }) => `${did}/${commit.rkey}`),
 * )
 * ```
 */
export const isDelete = <C extends string>(nsid: C): Guard<C, 'delete'> =>
  isOperation(nsid, 'delete')

/**
 * The DID document or the handle of an account changed.
 *
 * @example
 * ```ts
 * jetstream$().pipe(filter(isIdentity), map(({ did, identity }) => [did, identity.handle]))
 * ```
 */
export const isIdentity = <E extends Kinded>(
  event: E,
): event is Extract<E, { readonly kind: 'identity' }> => event.kind === 'identity'

/**
 * The status of an account changed: `active`, and why not.
 *
 * @example
 * ```ts
 * jetstream$().pipe(filter(isAccount), filter(({ account }) => !account.active))
 * ```
 */
export const isAccount = <E extends Kinded>(
  event: E,
): event is Extract<E, { readonly kind: 'account' }> => event.kind === 'account'

/**
 * A repository was set to another state in one step, without commits for the changes. Jetstream has
 * these events on wire v2 only.
 *
 * @example
 * ```ts
 * firehose$().pipe(filter(isSync), map(({ did, sync }) => [did, sync.rev]))
 * ```
 */
export const isSync = <E extends Kinded>(
  event: E,
): event is Extract<E, { readonly kind: 'sync' }> => event.kind === 'sync'
