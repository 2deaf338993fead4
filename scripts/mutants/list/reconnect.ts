import type { Mutant } from '../mutant.js'

/** When a connection is given up and dialled again, and what pauses it. */
export const RECONNECT: readonly Mutant[] = [
  {
    name: 'an open connection is progress: the backoff is reset on open',
    file: 'src/connection/live.ts',
    find: 'this.#openedAt = asyncScheduler.now()\n',
    replace: 'this.#openedAt = asyncScheduler.now()\n    this.#attempts.progressed()\n',
    specs: ['spec/connection/reconnect.spec.ts'],
  },
  {
    name: 'an event is no progress',
    file: 'src/connection/live.ts',
    find: 'if (this.#hasProgressed) this.#attempts.progressed()',
    replace: '',
    specs: ['spec/connection/reconnect.spec.ts'],
  },
  {
    name: 'Retry-After is forgotten',
    file: 'src/connection/attempts.ts',
    find: 'Math.max(backoffMs(this.count, backoff), retryAfterMs)',
    replace: 'backoffMs(this.count, backoff)',
    specs: ['spec/connection/reconnect.spec.ts'],
  },
  {
    name: 'one retry more than maxAttempts is made',
    file: 'src/connection/attempts.ts',
    find: 'this.count >= maxAttempts',
    replace: 'this.count > maxAttempts',
    specs: ['spec/connection/reconnect.spec.ts'],
  },
  {
    name: 'the next host is never dialled',
    file: 'src/connection/attempts.ts',
    find: '(this.#hostIndex + 1) % this.hosts.length',
    replace: 'this.#hostIndex',
    specs: ['spec/connection/reconnect.spec.ts', 'spec/connection/host.spec.ts'],
  },
  {
    name: 'the delay grows past maxDelayMs',
    file: 'src/connection/backoff.ts',
    find: 'Math.min(maxDelayMs, initialDelayMs',
    replace: 'Math.max(0, initialDelayMs',
    specs: ['spec/connection/backoff.spec.ts'],
  },
  {
    name: 'the first queue that has room resumes the source, whatever the others say',
    file: 'src/connection/pressure.ts',
    find: 'if (this.high) return\n    this.#closing',
    replace: 'this.#closing',
    specs: ['spec/connection/pause.spec.ts'],
  },
  {
    name: 'a connection stays paused until the server cuts it',
    file: 'src/connection/pressure.ts',
    find: 'timer(this.pauseCloseMs).subscribe(() => this.handlers.close())',
    replace: 'timer(this.pauseCloseMs).subscribe()',
    specs: ['spec/connection/pause.spec.ts'],
  },
  {
    name: 'a connection that opens under full queues is read',
    file: 'src/connection/pressure.ts',
    find: 'if (this.high) this.#suspend()',
    replace: '',
    specs: ['spec/connection/pause.spec.ts'],
  },
  {
    name: 'a paused connection is taken for a silent one',
    file: 'src/connection/liveness.ts',
    find: 'const alive = paused() || connection',
    replace: 'const alive = connection',
    specs: ['spec/connection/liveness.spec.ts'],
  },
  {
    name: 'nobody pings a quiet server',
    file: 'src/connection/liveness.ts',
    find: 'if ((tick + 1) % TICKS_A_PING === 0 && !paused()) connection.ping()',
    replace: '',
    specs: ['spec/connection/liveness.spec.ts'],
  },
  {
    name: 'drops of two hosts are one gap',
    file: 'src/connection/gaps.ts',
    find: 'if (this.#drops?.host !== host) this.flush()',
    replace: '',
    specs: ['spec/connection/gaps-and-rejects.spec.ts'],
  },
]
