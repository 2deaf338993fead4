import { Observable, Subject } from 'rxjs'
import { SORTS, type Sort } from './draw.js'

/** The part of a terminal's input that is used here. */
export interface Keyboard {
  setRawMode(raw: boolean): unknown
  on(name: 'data', listener: (data: unknown) => void): unknown
  off(name: 'data', listener: (data: unknown) => void): unknown
  resume(): unknown
  pause(): unknown
}

/** The keyboard of this process, if a person has it. */
export const ownKeyboard = (): Keyboard | undefined =>
  process.stdin.isTTY ? process.stdin : undefined

// In raw mode a terminal sends no signals, only these.
const SIGNALS = { '\u001a': 'SIGTSTP', '\u001c': 'SIGQUIT' } as const
const CTRL_C = '\u0003'

/** Ctrl-L, and what comes after a stop: other text is on the terminal now. */
export const REDRAW = '\u000c'

/**
 * The keys that are pressed. The terminal is in raw mode while there is a subscriber; it is in its
 * own mode again after the end of the process, too, however that ended.
 */
export const keys$ = (keyboard: Keyboard): Observable<string> =>
  new Observable((subscriber) => {
    const restore = () => void keyboard.setRawMode(false)
    const listen = () => void keyboard.setRawMode(true)
    const goOn = () => {
      listen()
      subscriber.next(REDRAW)
    }
    const onData = (data: unknown) => {
      const text = String(data)
      const signal = Object.hasOwn(SIGNALS, text)
        ? SIGNALS[text as keyof typeof SIGNALS]
        : undefined
      if (text === CTRL_C) process.emit('SIGINT', 'SIGINT')
      else if (signal === undefined) subscriber.next(text)
      else {
        restore()
        // Our group, as the terminal would: whoever started us stops, too.
        process.kill(0, signal)
      }
    }
    listen()
    keyboard.on('data', onData)
    keyboard.resume()
    process.on('exit', restore)
    process.on('SIGCONT', goOn)
    return () => {
      keyboard.off('data', onData)
      process.off('exit', restore)
      process.off('SIGCONT', goOn)
      restore()
      keyboard.pause()
    }
  })

const ENTER = ['\r', '\n']
const ESCAPE = '\u001b'
const BACKSPACE = ['\u007f', '\b']

/** What the keys of a table have set. */
export class TableKeys {
  isPaused = false
  sort: Sort = 'count'
  filter = ''
  readonly quit$ = new Subject<void>()
  #isTyping = false

  press(text: string): void {
    // The arrows and the like are a sequence.
    if (text.startsWith(ESCAPE) && text !== ESCAPE) return
    for (const key of text) {
      if (this.#isTyping) this.#type(key)
      else this.#command(key)
    }
  }

  /** What the keys do, or the filter that is typed. */
  get hint(): string {
    if (this.#isTyping) return `/${this.filter}_  (Enter, or Esc for all)`
    const next = SORTS[(SORTS.indexOf(this.sort) + 1) % SORTS.length]
    const filter = this.filter === '' ? '/ filter' : `/ filter (${this.filter})`
    return `p ${this.isPaused ? 'go on' : 'pause'}  q quit  ${filter}  s sort by ${next}`
  }

  #command(key: string): void {
    if (key === 'p') this.isPaused = !this.isPaused
    if (key === 'q') this.quit$.next()
    if (key === '/') this.#isTyping = true
    if (key === 's') this.sort = SORTS[(SORTS.indexOf(this.sort) + 1) % SORTS.length] ?? 'count'
  }

  #type(key: string): void {
    if (ENTER.includes(key)) this.#isTyping = false
    else if (BACKSPACE.includes(key)) this.filter = this.filter.slice(0, -1)
    else if (key === ESCAPE) {
      this.#isTyping = false
      this.filter = ''
    } else if (key >= ' ') this.filter += key
  }
}
