import {
  BoundsError,
  MAX_DEPTH,
  MAX_MEMBERS,
  MAX_UNCOUNTED_CHARACTERS,
  TOO_DEEP,
  TOO_MANY,
} from './content-bounds.js'

/** Where a message has its content: every member of the root, or the root itself. */
export interface Layout {
  /** A member of the root that is not content itself: its members or items are. */
  readonly wrapper?: string
  /**
   * The content that is replaced by {@link Unreadable} if it is beyond the bounds: a member of the
   * wrapper, or each of its items. Any other content beyond the bounds is an error.
   */
  readonly replaced?: string | 'every item'
  /**
   * Whether the root, once parsed, is itself content.
   * @default never
   */
  readonly isContent?: (root: object) => boolean
}

/** Replaces content beyond the bounds in a parsed value. */
export class Unreadable {
  constructor(
    /** Completes "the record is …". */
    readonly why: string,
    /** The JSON, as it was received. */
    readonly text: string,
  ) {}
}

/**
 * Parses JSON whose content is within the bounds. Throws {@link BoundsError} for content beyond
 * them that cannot be replaced, and `SyntaxError` as `JSON.parse` does.
 */
export function parseBounded(text: string, layout: Layout): unknown {
  return isSurelyBounded(text) ? JSON.parse(text) : new Skimmer(text, layout).parse()
}

/**
 * A fast check that suffices for nearly all messages: the text is short, and has few brackets,
 * those in strings included. Each bracket costs a native search, so the search ends where the rest
 * of the text has no room for too many levels.
 */
export function isSurelyBounded(text: string): boolean {
  if (text.length > MAX_UNCOUNTED_CHARACTERS) return false
  // The first character is counted, whatever it is.
  let levels = 1
  for (
    let at = text.indexOf('[', 1);
    at >= 0 && levels <= MAX_DEPTH;
    at = text.indexOf('[', at + 1)
  )
    levels += 1
  for (
    let at = text.indexOf('{', 1);
    at >= 0 && levels <= MAX_DEPTH;
    at = text.indexOf('{', at + 1)
  ) {
    levels += 1
    // One more for the innermost, which may be empty.
    if (levels + 1 + (text.length - at) / LEVEL_CHARACTERS <= MAX_DEPTH) return true
  }
  return levels <= MAX_DEPTH
}

// The fewest characters of a level: `{"":` and `}` around the next one.
const LEVEL_CHARACTERS = 5

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** The text that stands for replaced content. It is random, so that no server can send it. */
const MARK = `rxjs-atproto ${Math.random().toString(36).slice(2)}`

interface Cut {
  readonly from: number
  readonly to: number
  readonly why: string
}

/** Reads JSON character by character, without building anything and without recursion. */
class Skimmer {
  #at = 0
  // Depth and members of the value that was skipped last.
  #depth = 0
  #members = 0
  // Levels and members of everything that is not replaced.
  #deepest = 1
  #kept = 0
  readonly #cuts: Cut[] = []

  constructor(
    private readonly text: string,
    private readonly layout: Layout,
  ) {}

  parse(): unknown {
    this.#skim()
    const root = JSON.parse(this.#withoutCuts()) as unknown
    if (typeof root !== 'object' || root === null) return root
    if (this.#deepest > MAX_DEPTH && this.layout.isContent?.(root)) throw new BoundsError(TOO_DEEP)
    if (this.#cuts.length > 0) this.#replaceMarks(root as Record<string, unknown>)
    return root
  }

  #skim(): void {
    this.#skipSpace()
    if (this.#code() === OPEN_OBJECT) {
      this.#eachMember((name) => this.#rootMember(name))
      this.#skipSpace()
    } else this.#content(0)
    // JSON.parse refuses what follows; it must be short.
    if (this.text.length - this.#at > MAX_DEPTH) throw notJson('it goes on after its end')
  }

  #rootMember(name: string): void {
    const code = this.#code()
    const isWrapper = name === this.layout.wrapper
    if (isWrapper && code === OPEN_OBJECT) {
      this.#eachMember((inner) => this.#content(2, inner === this.layout.replaced))
    } else if (isWrapper && code === OPEN_ARRAY) {
      this.#eachItem(() => this.#content(2, this.layout.replaced === 'every item'))
    } else this.#content(1)
    this.#deepest = Math.max(this.#deepest, 2)
  }

  /** Skips a value that is content, `above` levels below the root. */
  #content(above: number, isReplaced = false): void {
    const from = this.#at
    this.#value()
    const why =
      this.#depth > MAX_DEPTH ? TOO_DEEP : this.#members > MAX_MEMBERS ? TOO_MANY : undefined
    if (why !== undefined && !isReplaced) throw new BoundsError(why)
    if (why !== undefined) this.#cuts.push({ from, to: this.#at, why })
    else this.#keep(this.#members, above + this.#depth, isReplaced)
  }

  /** Counts a value. A value that could be replaced has its own bounds; all others share theirs. */
  #keep(members: number, depth: number, isBounded: boolean): void {
    this.#deepest = Math.max(this.#deepest, depth)
    this.#kept += isBounded && this.layout.replaced !== 'every item' ? 1 : members + 1
    if (this.#kept > MAX_MEMBERS) throw new BoundsError(TOO_MANY)
  }

  #eachMember(take: (name: string) => void): void {
    this.#each(CLOSE_OBJECT, () => {
      if (this.#code() !== QUOTE) throw notJson('a member has no name')
      const from = this.#at
      this.#string()
      const name = nameOf(this.text.slice(from, this.#at))
      this.#skipSpace()
      if (this.#code() !== COLON) throw notJson('a member has no value')
      this.#at += 1
      this.#skipSpace()
      take(name)
    })
  }

  #eachItem(take: () => void): void {
    this.#each(CLOSE_ARRAY, take)
  }

  #each(close: number, take: () => void): void {
    this.#at += 1
    this.#skipSpace()
    while (this.#code() !== close) {
      take()
      this.#skipSpace()
      if (this.#code() === COMMA) this.#at += 1
      else if (this.#code() !== close) throw notJson('it is cut off, or its brackets do not match')
      this.#skipSpace()
    }
    this.#at += 1
  }

  /** Skips one value, and counts its depth and members. */
  #value(): void {
    const { text } = this
    const end = text.length
    let at = this.#at
    let depth = 0
    let deepest = 0
    let members = 0
    // True after an opening bracket, because the first member has no comma before it.
    let isFirst = false
    while (at < end) {
      const code = text.charCodeAt(at)
      if (code <= 0x20) {
        if (depth === 0 && isSpace(code)) break
        at += 1
        continue
      }
      if (depth === 0 && isEnd(code)) break
      if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
        depth -= 1
        isFirst = false
        at += 1
        if (depth === 0) break
        continue
      }
      if (code === COMMA) members += 1
      else if (isFirst) {
        members += 1
        isFirst = false
      }
      if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
        depth += 1
        if (depth > deepest) deepest = depth
        isFirst = true
        at += 1
      } else if (code === QUOTE) {
        at = endOfString(text, at)
        if (depth === 0) break
      } else at += 1
    }
    if (depth > 0) throw notJson('it is cut off')
    if (at === this.#at) throw notJson('a value is missing')
    this.#at = at
    this.#depth = deepest
    this.#members = members
  }

  #string(): void {
    this.#at = endOfString(this.text, this.#at)
  }

  #skipSpace(): void {
    while (isSpace(this.#code())) this.#at += 1
  }

  #code(): number {
    return this.text.charCodeAt(this.#at)
  }

  #withoutCuts(): string {
    let rest = ''
    let from = 0
    this.#cuts.forEach((cut, index) => {
      rest += `${this.text.slice(from, cut.from)}"${MARK} ${index}"`
      from = cut.to
    })
    return rest + this.text.slice(from)
  }

  #replaceMarks(root: Record<string, unknown>): void {
    // If a name occurs twice, the last one counts.
    const wrapper = (root[this.layout.wrapper as string] ?? {}) as Record<string | number, unknown>
    const names = Array.isArray(wrapper) ? wrapper.keys() : [this.layout.replaced as string]
    for (const name of names) {
      const mark = wrapper[name]
      if (typeof mark !== 'string' || !mark.startsWith(MARK)) continue
      const cut = this.#cuts[Number(mark.slice(MARK.length))] as Cut
      wrapper[name] = new Unreadable(cut.why, this.text.slice(cut.from, cut.to))
    }
  }
}

/** Returns the index after the closing quote of a string. Throws if there is none. */
function endOfString(text: string, from: number): number {
  let at = from + 1
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH) at += 1
  }
  throw notJson('a string is cut off')
}

const isSpace = (code: number): boolean =>
  code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

/** Whether this character ends a value without brackets. */
const isEnd = (code: number): boolean =>
  code === COMMA || code === CLOSE_OBJECT || code === CLOSE_ARRAY

/** The name of a member, which may have escapes. */
function nameOf(quoted: string): string {
  return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1)
}

/** The error that `JSON.parse` would throw after building everything before the fault. */
const notJson = (what: string): SyntaxError => new SyntaxError(what)
