import { checkStrings, type Json } from '../fields.js'

export const isRepo = ({ kind, did, rev, head }: Json): boolean =>
  kind === undefined && [did, rev, head].every((member) => typeof member === 'string')

/**
 * A repository to fetch. Always with `active`: rsky's readers reject an entry without it.
 */
export function encodeRepo(
  { did, host, rev, status, active, head }: Json,
  from: string | undefined,
): Json {
  return {
    did,
    host: originOf(host ?? from),
    rev,
    ...(status === undefined ? {} : { status }),
    active: active ?? true,
    head,
  }
}

export function decodeRepo(value: Json): Json {
  checkStrings('repo', value, 'did', 'rev')
  const { did, head, rev, active, status, host } = value
  return {
    did,
    ...(head === undefined ? {} : { head }),
    rev,
    active: active ?? true,
    ...(status === undefined || status === null ? {} : { status }),
    ...(host === undefined ? {} : { host }),
  }
}

/** rsky's readers append a path to it. */
function originOf(host: unknown): string {
  if (typeof host !== 'string') return ''
  const url = URL.canParse(host) ? new URL(host) : undefined
  return url === undefined
    ? `https://${host}`
    : `${url.protocol.replace(/^ws/, 'http')}//${url.host}`
}
