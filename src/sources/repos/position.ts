import type { OwnFormat } from '../../delivery/checkpoint-options.js'

/**
 * How many pages of a listing are done. The store keeps JSON: `{"pages":2,"cursor":"…"}`, with the
 * cursor of the oldest page with a repo that is not done, or `{"pages":3,"completed":true}` at the
 * end.
 */
export type ListingPosition =
  | { readonly pages: number; readonly cursor: string; readonly completed?: never }
  | { readonly pages: number; readonly cursor?: never; readonly completed: true }

export const listingFormat: OwnFormat<ListingPosition> = {
  write: ({ pages, cursor, completed }) =>
    JSON.stringify(completed ? { pages, completed } : { pages, cursor }),
  read(text) {
    try {
      // A position that another program saved may lack the number of pages.
      const { pages = 0, cursor, completed } = JSON.parse(text) as Partial<ListingPosition>
      if (!Number.isSafeInteger(pages) || pages < 0) return undefined
      if (completed === true) return { pages, completed }
      if (typeof cursor === 'string' && cursor !== '') return { pages, cursor }
    } catch {
      // Not JSON, or not a JSON object.
    }
    return undefined
  },
  isSame: (one, other) =>
    one.pages === other.pages && one.cursor === other.cursor && one.completed === other.completed,
}
