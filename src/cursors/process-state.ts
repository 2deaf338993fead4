import { readFileSync } from 'node:fs'
import { codeOf } from './disk-error.js'
import type { LockOwner, ProcessState } from './lock.js'

/**
 * Whether the process of a lock still runs. A process that is stopped, not dead, runs. Where the
 * system does not say when a process began, a pid that is in use may belong to a later process.
 */
export function processState({ pid, start }: LockOwner): ProcessState {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return 'ended'
  }
  const running = startOf(pid)
  if (running === undefined || (start === undefined && running !== DEFUNCT)) return 'unknown'
  return running === start ? 'runs' : 'ended'
}

/**
 * Linux only: distinguishes processes with the same pid, such as the pid 1 of each container, or
 * one before a reboot.
 */
export function startOf(pid: number): string | undefined {
  try {
    const [, state, start] =
      /^.*\) (\S)(?: \S+){18} (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? []
    if (start === undefined) return undefined
    return state === 'Z' || state === 'X' ? DEFUNCT : `${bootId()}:${start}`
  } catch {
    return undefined
  }
}

/** A process that has ended keeps its pid until its parent reaps it, and nothing else. */
const DEFUNCT = 'defunct'

/** Empty in a sandbox without it. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return ''
  }
}
