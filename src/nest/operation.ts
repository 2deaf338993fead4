import type { Routable } from '../index.js'

/** The collection of a record's event; `''` for other events. */
export function collectionOf(event: Routable): string {
  if ('kind' in event) return event.commit?.collection ?? ''
  return event.collection ?? ''
}

/** Whether a record was written or deleted; `undefined` for operations that a server adds. */
export function operationOf(event: Routable): 'write' | 'delete' | undefined {
  const { commit, action } = event as {
    readonly commit?: { readonly operation?: string }
    readonly action?: string
  }
  const operation = commit?.operation ?? action
  if (operation === 'create' || operation === 'update') return 'write'
  return operation === 'delete' ? 'delete' : undefined
}
