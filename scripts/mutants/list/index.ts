import type { Mutant } from '../mutant.js'
import { COPIES } from './copies.js'
import { CURSORS } from './cursors.js'
import { DELIVERIES } from './deliveries.js'
import { OPERATORS } from './operators.js'
import { RECONNECT } from './reconnect.js'
import { RESUMPTION } from './resume.js'
import { TAP } from './tap.js'

export const MUTANTS: readonly Mutant[] = [...DELIVERIES, ...COPIES, ...CURSORS, ...RECONNECT, ...RESUMPTION, ...OPERATORS, ...TAP]
