/** The page that a server of one style sends. */
export interface ReposPage {
  readonly cursor?: string
  readonly repos: readonly unknown[]
}

/** What a request asks for: so many repos from this index. */
export interface ReposQuery {
  readonly from: number
  readonly limit: number
}

/** An HTTP answer in place of a page. */
export interface ReposRefusal {
  readonly status: number
  readonly body: string
}

/** How one kind of server pages: its cursors, its end, and its refusals. */
export interface ReposStyle {
  query(params: URLSearchParams): ReposQuery | ReposRefusal
  /** The cursor after so many repos. */
  cursorOf(count: number, repo: unknown): string
  /** Whether this page carries a cursor. */
  hasCursor(page: readonly unknown[], limit: number): boolean
}

const DEFAULT_LIMIT = 500
const MAX_LIMIT = 1000
// The creation time of a PDS's first account; each later one is a second newer.
const FIRST_ACCOUNT_MS = 1_700_000_000_000
const EVERY_MS = 1000

const invalid = (error: string, message: string, end = ''): ReposRefusal => ({
  status: 400,
  body: `${JSON.stringify({ error, message })}${end}`,
})
const limitOf = (params: URLSearchParams): number => Number(params.get('limit') ?? DEFAULT_LIMIT)

/** indigo's relay: a number, and only after a full page. */
const relay: ReposStyle = {
  query(params) {
    const [limit, cursor] = [limitOf(params), params.get('cursor') ?? '0']
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
      return invalid('BadRequest', `limit parameter invalid: ${limit}`, '\n')
    if (!/^\d+$/.test(cursor))
      return invalid('BadRequest', `limit parameter invalid cursor: ${cursor}`, '\n')
    return { from: Number(cursor), limit }
  },
  cursorOf: (count) => String(count),
  hasCursor: (page, limit) => page.length === limit,
}

/** The TypeScript PDS: `<ms>::<did>`, after every page but an empty one. */
const pds: ReposStyle = {
  query(params) {
    const [limit, cursor] = [limitOf(params), params.get('cursor')]
    const says = limit < 1 ? `small (minimum 1, got ${limit})` : `big (maximum 1000, got ${limit})`
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
      return invalid(
        'InvalidRequest',
        `Invalid com.atproto.sync.listRepos params: integer too ${says}`,
      )
    }
    if (cursor === null) return { from: 0, limit }
    const ms = /^(\d+)::did:/.exec(cursor)?.[1]
    return ms === undefined
      ? invalid('InvalidRequest', 'Malformed cursor')
      : { from: (Number(ms) - FIRST_ACCOUNT_MS) / EVERY_MS, limit }
  },
  cursorOf(count, repo) {
    const { did = 'did:' } = (repo ?? {}) as { readonly did?: string }
    return `${FIRST_ACCOUNT_MS + count * EVERY_MS}::${did}`
  },
  hasCursor: (page) => page.length > 0,
}

export const STYLES = { relay, pds } as const
