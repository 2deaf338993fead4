import type { ScenarioPlan } from '../scenario.js'
import { REDIS } from './redis.js'
import { LISTINGS } from './repos.js'
import { STREAMS } from './streams.js'
import { TAPS } from './tap.js'

export const SCENARIOS: readonly ScenarioPlan[] = [...STREAMS, ...LISTINGS, ...TAPS, ...REDIS]
