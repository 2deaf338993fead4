type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** `exactly<A, B>(true)` compiles where A and B are the same type. */
export const exactly = <A, B>(_same: Equal<A, B>): void => {}

export interface Post {
  readonly text: string
}

export interface Like {
  readonly subject: { readonly uri: string }
}

export type Records = { 'app.bsky.feed.post': Post; 'app.bsky.feed.like': Like }
