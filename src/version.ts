/** The version in package.json; a spec compares the two. */
export const VERSION = '0.1.0'

/**
 * The version of the contract by which copies of this library share deliveries. Raise it when
 * `Holding` or `DeliverySource` of delivery/delivery.ts, or `EventPosition` of
 * delivery/position.ts, changes in a way that an older copy would misread.
 */
export const DELIVERY_CONTRACT = 1
