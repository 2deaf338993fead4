import type { Defect } from './work.js'

/**
 * Readers with a defect, each in the scenario where it shows: a judge that finds none of them
 * proves nothing.
 */
export const CONTROLS: readonly { readonly defect: Defect; readonly scenario: string }[] = [
  { defect: 'none-held', scenario: 'jetstream$ v2' },
  { defect: 'ack-on-receipt', scenario: 'tap$' },
  { defect: 'forgets-saves', scenario: 'firehose$ of a PDS' },
  { defect: 'no-order', scenario: 'jetstream$ v2' },
  { defect: 'hides-gaps', scenario: 'jetstream$ v2, short retention' },
]
