import { type Observable, ReplaySubject } from 'rxjs'
import type { Changes } from './changes.js'
import type { FakeConnection } from './fake-connection.js'

/** The connections of one server, in the order in which they began and ended. */
export class ConnectionList<C extends FakeConnection> {
  readonly all: C[] = []
  readonly #ended: C[] = []
  readonly #all$ = new ReplaySubject<C>()

  constructor(private readonly changes: Changes) {}

  get all$(): Observable<C> {
    return this.#all$
  }

  get open(): readonly C[] {
    return this.all.filter(({ closed }) => closed === undefined)
  }

  add(connection: C): void {
    this.all.push(connection)
    this.#all$.next(connection)
    this.changes.notify()
  }

  addEnded(connection: C): void {
    this.#ended.push(connection)
    this.changes.notify()
  }

  async connected(n: number): Promise<C> {
    await this.changes.when(() => this.all.length >= n)
    return this.all[n - 1] as C
  }

  async closed(n: number): Promise<C> {
    await this.changes.when(() => this.#ended.length >= n)
    return this.#ended[n - 1] as C
  }

  /** No connection follows. */
  complete(): void {
    this.#all$.complete()
  }
}
