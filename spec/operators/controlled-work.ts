import { Observable, Subject } from 'rxjs'

/** Work that ends when the spec says so. */
export class ControlledWork {
  readonly started: number[] = []
  readonly cut: number[] = []
  readonly #open = new Map<number, Subject<never>>()

  readonly work = (value: number): Observable<never> =>
    new Observable<never>((subscriber) => {
      const end$ = new Subject<never>()
      this.started.push(value)
      this.#open.set(value, end$)
      subscriber.add(() => {
        if (this.#open.delete(value)) this.cut.push(value)
      })
      subscriber.add(end$.subscribe(subscriber))
    })

  get running(): number[] {
    return [...this.#open.keys()]
  }

  finish(...values: readonly number[]): void {
    for (const value of values) this.#take(value).complete()
  }

  fail(value: number, error: unknown): void {
    this.#take(value).error(error)
  }

  #take(value: number): Subject<never> {
    const end$ = this.#open.get(value)
    if (end$ === undefined)
      throw new Error(`${value} is not running; what runs is ${this.running.join() || 'nothing'}`)
    this.#open.delete(value)
    return end$
  }
}
