import type { Mutant } from '../mutant.js'

/** When a connection is given up and dialled again, and what pauses it. */
export const RECONNECT: readonly Mutant[] = [
  {
    name: 'an open connection is progress: the backoff is reset on open',
    file: 'src/live/live.ts',
    find: 'this.#openedAt = asyncScheduler.now()\n',
    replace: 'this.#openedAt = asyncScheduler.now()\n    this.#hosts.progressed()\n',
    specs: ['spec/live/reconnect.spec.ts'],
  },
  {
    name: 'an event is no progress',
    file: 'src/live/hosts.ts',
    find: 'if (newEvents > 0) this.progressed()',
    replace: '',
    specs: ['spec/live/reconnect.spec.ts'],
  },
  {
    name: 'Retry-After is forgotten',
    file: 'src/live/hosts.ts',
    find: 'Math.max(delayMs, this.#host.waitsUntil - now)',
    replace: 'delayMs',
    specs: ['spec/live/reconnect.spec.ts'],
  },
  {
    name: 'one retry more than maxAttempts is made',
    file: 'src/live/hosts.ts',
    find: 'this.count >= this.#maxAttempts',
    replace: 'this.count > this.#maxAttempts',
    specs: ['spec/live/reconnect.spec.ts'],
  },
  {
    name: 'the next host is never dialled',
    file: 'src/live/hosts.ts',
    find: "isLeft ? 'next' : 'same'",
    replace: "'same'",
    specs: ['spec/live/reconnect.spec.ts', 'spec/options/host-url.spec.ts'],
  },
  {
    name: 'the delay grows past maxDelayMs',
    file: 'src/options/backoff.ts',
    find: 'Math.min(\n    maxDelayMs,',
    replace: 'Math.max(\n    0,',
    specs: ['spec/options/backoff.spec.ts'],
  },
  {
    name: 'the first queue that has room resumes the source, whatever the others say',
    file: 'src/delivery/delivery-stream.ts',
    find: 'if (this.#pauses === 0 && !this.#stopped) this.owner.resumed()',
    replace: 'if (!this.#stopped) this.owner.resumed()',
    specs: ['spec/live/pause.spec.ts'],
  },
  {
    name: 'a connection stays paused until the server cuts it',
    file: 'src/live/pressure.ts',
    find: 'timer(this.pauseCloseMs).subscribe(() => this.handlers.close())',
    replace: 'timer(this.pauseCloseMs).subscribe()',
    specs: ['spec/live/pause.spec.ts'],
  },
  {
    name: 'a connection that opens under full queues is read',
    file: 'src/live/pressure.ts',
    find: 'if (this.#high) this.#suspend()',
    replace: '',
    specs: ['spec/live/pause.spec.ts'],
  },
  {
    name: 'a paused connection is taken for a silent one',
    file: 'src/live/liveness.ts',
    find: 'const alive = paused() || connection',
    replace: 'const alive = connection',
    specs: ['spec/live/liveness.spec.ts'],
  },
  {
    name: 'nobody pings a quiet server',
    file: 'src/live/liveness.ts',
    find: 'if ((tick + 1) % TICKS_A_PING === 0 && !paused()) connection.ping()',
    replace: '',
    specs: ['spec/live/liveness.spec.ts'],
  },
  {
    name: 'drops of two hosts are one gap',
    file: 'src/delivery/gaps.ts',
    find: 'if (this.#drops?.host !== host) this.flush()',
    replace: '',
    specs: ['spec/delivery/gaps-and-rejects.spec.ts'],
  },
]
