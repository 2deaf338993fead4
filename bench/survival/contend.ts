import { parentPort, workerData } from 'node:worker_threads'
import { JETSTREAMS, TAPS, type Witness } from './contenders.js'

/** In a thread of its own: an error that nobody catches ends one contender. */
export interface SurvivalTask {
  readonly contender: string
  readonly hosts: readonly [string, ...string[]]
}

/** What a contender says. A key is equal for two copies of an event. */
export type Said =
  | { readonly key: string }
  | { readonly reported: number }
  | { readonly ended: string }

const { contender, hosts } = workerData as SurvivalTask
const say = (said: Said): void => parentPort?.postMessage(said)

const keyOf = (event: object): string => {
  const { did, id, commit } = event as {
    readonly did: string
    readonly id?: number
    readonly commit?: Readonly<Record<'rev' | 'collection' | 'rkey', string>>
  }
  return commit === undefined
    ? `${did} ${id}`
    : `${did} ${commit.rev} ${commit.collection} ${commit.rkey}`
}

const witness: Witness = {
  received: (event) => say({ key: keyOf(event) }),
  reported: (count) => say({ reported: count }),
  ended: () => say({ ended: 'ended' }),
}
const survive = { ...JETSTREAMS, ...TAPS }[contender]
Promise.resolve(survive?.(hosts, witness)).catch((error) => say({ ended: String(error) }))
