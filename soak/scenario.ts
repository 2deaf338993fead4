import type { Dice } from './dice.js'
import type { Judge } from './judge.js'
import type { Task } from './sources.js'

/** One source with its servers, which live here and know what they sent. */
export interface Scenario extends AsyncDisposable {
  readonly judge: Judge
  /** The processes that are killed, each by itself. */
  readonly readers: readonly ReaderPlan[]
  /** How many faults its servers met so far, restarts included. */
  readonly faults: number
  /** Sends more, about so many messages. */
  feed(messages: number): void
  /** A fault that meets servers while readers run. Not every scenario has one. */
  amid?(dice: Dice): Promise<void> | void
  /** Whether nothing is on its way to a reader any more. */
  settled?(): Promise<boolean> | boolean
  /** What the servers know at the end: what need not have come, or came wrong. */
  conclude?(): Promise<readonly string[]> | readonly string[]
}

/** One process of a scenario. */
export interface ReaderPlan {
  readonly name: string
  /**
   * Whether its journal tells what was handled; of a process in the middle only its failures
   * count.
   */
  readonly judged: boolean
  /** At which entries of its journal it may die. */
  readonly dies: readonly [
    'received' | 'handled' | 'saving' | 'saved',
    ...('received' | 'handled' | 'saving' | 'saved')[],
  ]
  /** What its next life is to do. */
  task(): Omit<Task, 'journal' | 'seed' | 'death' | 'defect'>
  /**
   * While nobody reads: between a death and the next life. What is to be read next may be changed
   * here.
   */
  between?(dice: Dice): Promise<void> | void
  /** The reader has completed. */
  completed?(): void
}

/** How a scenario is made. */
export interface ScenarioPlan {
  readonly name: string
  open(place: Place): Promise<Scenario>
}

/** What a scenario is given. */
export interface Place {
  readonly dice: Dice
  readonly seed: number
  /** A folder of its own. */
  readonly folder: string
}
