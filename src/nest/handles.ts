import type { StandardSchema } from '../index.js'

interface OfStream {
  /** The name of the stream. */
  readonly stream: string
}

/** Writes or deletes of a collection, or of those with a prefix. */
export interface HandlesRecords extends OfStream {
  readonly on: 'record' | 'delete'
  readonly collection: string
  readonly schema?: StandardSchema | undefined
}

/** Writes of a collection, in batches. */
export interface HandlesBatches extends OfStream {
  readonly on: 'batch'
  readonly collection: string
  readonly size: number
  readonly maxWaitMs: number
  readonly concurrency: number
  readonly deletes: boolean
}

/** Events of another kind, or what a stream reports. */
export interface HandlesOthers extends OfStream {
  readonly on: 'identity' | 'account' | 'sync' | 'label' | 'deadLetter' | 'gap'
}

/** What one decorator asks for. */
export type Handles = HandlesRecords | HandlesBatches | HandlesOthers

/** A method with a decorator, ready to be called with its pipes, guards and interceptors. */
export interface Handler {
  /** `Posts.put`. */
  readonly name: string
  readonly handles: Handles
  call(...values: unknown[]): Promise<unknown>
}
