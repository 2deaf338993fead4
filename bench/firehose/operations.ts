import { createHash } from 'node:crypto'

/** What every client has to say of an operation, whatever it makes of a frame. */
export interface Operation {
  readonly did: string
  readonly action: string
  /** `collection/rkey`. */
  readonly path: string
  /** Not of a delete. */
  readonly cid: string | undefined
}

/** A hash over operations, in their order: two clients that saw the same have the same. */
export class Digest {
  readonly #hash = createHash('sha256')

  add({ did, action, path, cid = '' }: Operation): void {
    this.#hash.update(`${did} ${action} ${path} ${cid}\n`)
  }

  get text(): string {
    return this.#hash.copy().digest('hex')
  }
}
