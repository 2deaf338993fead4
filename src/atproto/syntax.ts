// https://atproto.com/specs/nsid: at least three segments, the last one a name without a hyphen,
// 317 characters.
const NSID =
  /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+\.[a-z][a-z0-9]{0,62}$/i
// The head of an NSID and `.*`.
const NSID_PREFIX = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.\*$/i
// https://atproto.com/specs/did: 2,048 characters.
const DID = /^did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]$/

export const isNsid = (text: string): boolean => text.length <= 317 && NSID.test(text)
export const isNsidPrefix = (text: string): boolean => text.length <= 317 && NSID_PREFIX.test(text)
export const isDid = (text: string): boolean => text.length <= 2048 && DID.test(text)
