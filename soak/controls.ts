import type { Defect } from './work.js'

/**
 * Readers with a defect, each in the scenario where it shows: a judge that finds none of them
 * proves nothing. A short run takes the first ones.
 */
export const CONTROLS: readonly { readonly defect: Defect; readonly scenario: string }[] = [
  { defect: 'none-held', scenario: 'jetstream$ v2' },
  { defect: 'no-order', scenario: 'jetstream$ v2' },
  { defect: 'forgets-saves', scenario: 'firehose$ of a PDS' },
  { defect: 'hides-gaps', scenario: 'jetstream$ v2, short retention' },
  // Copies that a Tap has queued hide some losses: a run of few kills may not show it.
  { defect: 'ack-on-receipt', scenario: 'tap$' },
]
