import { toJson } from '../../atproto/json.js'

/** Members that a server adds to those of the lexicon, as JSON. */
export type Added = Readonly<Record<string, unknown>>

/** The members that are not known. Returns `undefined` if there are none, as usual. */
export function addedTo(members: object, known: ReadonlySet<string>): Added | undefined {
  let added: Record<string, unknown> | undefined
  for (const name in members) {
    if (known.has(name) || name === '__proto__') continue
    added ??= {}
    added[name] = toJson((members as Added)[name])
  }
  return added
}

/** Copies the added members to `members`, except those whose names are taken. */
export function withAdded(members: object, added: Added | undefined): object {
  for (const name in added)
    if (!(name in members)) (members as Record<string, unknown>)[name] = added[name]
  return members
}
