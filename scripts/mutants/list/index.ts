import type { Mutant } from '../mutant.js'
import { ARCHIVE } from './archive.js'
import { COPIES } from './copies.js'
import { CURSORS } from './cursors.js'
import { DELIVERIES } from './deliveries.js'
import { HOST_LISTS } from './hosts.js'
import { OPERATORS } from './operators.js'
import { PAGES } from './pages.js'
import { PROXIES } from './proxies.js'
import { RECONNECT } from './reconnect.js'
import { REDIS } from './redis.js'
import { REPLAYS } from './replays.js'
import { RESUMPTION } from './resume.js'
import { RUNNING } from './running.js'
import { TAP } from './tap.js'
import { TERMINAL } from './terminal.js'
import { WIRES } from './wires.js'

export const MUTANTS: readonly Mutant[] = [
  ...DELIVERIES,
  ...COPIES,
  ...CURSORS,
  ...RECONNECT,
  ...HOST_LISTS,
  ...RESUMPTION,
  ...REPLAYS,
  ...TAP,
  ...OPERATORS,
  ...REDIS,
  ...WIRES,
  ...PAGES,
  ...PROXIES,
  ...ARCHIVE,
  ...RUNNING,
  ...TERMINAL,
]
