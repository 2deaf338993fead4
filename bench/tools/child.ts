import { type ChildProcess, fork } from 'node:child_process'
import { on, once } from 'node:events'

/**
 * A program of this folder in a process of its own, so that its CPU and its memory are counted
 * alone.
 */
export interface Child<Answer> {
  /** The next thing that it says. */
  answer(): Promise<Answer>
  tell(message: string): void
  /** Stops the process without ending it. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

/**
 * Starts a compiled program, named from the root of the bench; it finds `task` with {@link taskOf}.
 */
export function start<Answer>(
  program: string,
  task: unknown,
  execArgv: readonly string[] = [],
): Child<Answer> {
  const child = fork(new URL(`../${program}.js`, import.meta.url), [JSON.stringify(task)], {
    execArgv: [...execArgv],
  })
  const messages = on(child, 'message')
  const exited = once(child, 'exit')
  return {
    answer: () =>
      Promise.race([
        messages.next().then(({ value }) => value[0] as Answer),
        exited.then(() => failed(program, child)),
      ]),
    tell(message) {
      child.send(message)
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async stop() {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}

/** What the parent asked for. A child lives for as long as its parent wants it. */
export function taskOf<Task>(): Task {
  process.once('disconnect', () => process.exit())
  return JSON.parse(process.argv[2] ?? '{}') as Task
}

export const answer = (message: unknown): void => {
  process.send?.(message)
}

function failed(program: string, child: ChildProcess): never {
  throw new Error(`${program} ended without an answer (${child.signalCode ?? child.exitCode})`)
}
