import type { Observable } from 'rxjs'
import type { FakeConnection, FakeRequest } from './fake-connection.js'
import { FakeServer } from './fake-server.js'
import { Playback, type PlaybackTarget } from './playback.js'

/** One reader of the log that a server plays. */
export interface PlaybackReader extends FakeConnection {
  readonly idle: boolean
  pump(): void
  end(): void
}

/** What the fake servers share that play a log to their readers. */
export abstract class PlaybackServer<C extends PlaybackReader>
  extends FakeServer<C>
  implements PlaybackTarget
{
  abstract readonly script: PlaybackTarget['script']
  readonly requests: FakeRequest[] = []
  sent = 0
  protected readonly playback = new Playback(this)

  abstract get ratePerSecond(): number | undefined

  get isPaced(): boolean {
    return this.ratePerSecond !== undefined
  }

  isDue(played: number, elapsedMs: number): boolean {
    return played < Math.floor((elapsedMs * (this.ratePerSecond ?? 0)) / 1000)
  }

  abstract room(): number

  get connections$(): Observable<FakeConnection> {
    return this.list.all$
  }

  idle(): Promise<void> {
    return this.when(() => this.script.done && this.list.all.every((listener) => listener.idle))
  }

  pull(): boolean {
    return this.playback.pull()
  }

  onGrowth(): void {
    for (const listener of this.list.open) listener.pump()
    this.changes.notify()
  }

  protected override stop(): void {
    this.playback.stop()
    for (const listener of this.list.open) listener.end()
  }
}
