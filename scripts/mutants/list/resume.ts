import type { Mutant } from '../mutant.js'

const ANSWER = 'src/live/cursor-answer.ts'
const CONCLUSIONS = 'src/live/conclusions.ts'
const PROGRESS = 'src/live/cursor-progress.ts'
const RECEIVED = 'src/live/received.ts'
const RANDOM = 'spec/live/random-logs.spec.ts'
const RESUMING = 'spec/live/resume.spec.ts'
const POSITIONS = 'spec/live/positions.spec.ts'
const TRAPS = 'spec/traps/unanswered-repeats.spec.ts'

/** How a stream goes on after a connection: what is asked for, and what the answer shows. */
export const RESUMPTION: readonly Mutant[] = [
  {
    name: 'an unanswered repeat is taken for an answer',
    file: ANSWER,
    find: "if (answered || server.forgets) return 'new'",
    replace: "if (isNumber || answered || server.forgets) return 'new'",
    specs: [RANDOM],
  },
  {
    name: 'a repeat that did not come is not asked for again',
    file: ANSWER,
    find: "if (server.takesTimes && held.time_us > 0) return 'doubtful'",
    replace: "if (server.takesTimes && held.time_us > 0) return 'new'",
    specs: ['spec/traps/random-positions.spec.ts'],
  },
  {
    name: 'a renumbered log that a filter hides is one that was compacted',
    file: ANSWER,
    find: "if (position <= held.position) return 'renumbered-here'",
    replace: "if (position <= held.position) return 'new'",
    specs: [TRAPS],
    tests: 'loses nothing and reports the gap',
  },
  {
    name: 'what was renumbered is dropped as old by its number alone',
    file: ANSWER,
    find: 'if (position <= held.position && time_us <= held.time_us) {',
    replace: 'if (position <= held.position) {',
    specs: [RANDOM],
  },
  {
    name: 'the ten seconds before an unanswered repeat come twice',
    file: ANSWER,
    find: 'if (position <= held.position && time_us <= held.time_us) {',
    replace: 'if (position < 0) {',
    specs: [RANDOM],
  },
  {
    name: 'a legacy log that lost its unsynced end is another log',
    file: ANSWER,
    find: "return isNumber || !server.takesTimes ? 'renumbered' : 'doubtful'",
    replace: "return 'renumbered'",
    specs: [RESUMING],
  },
  {
    name: 'no proof is asked of a legacy log',
    file: ANSWER,
    find: "if (request.saw === 'older') return 'renumbered'",
    replace: "if (request.saw === 'older') return 'new'",
    specs: [RESUMING],
  },
  {
    name: 'a position that is gone is never looked for on a wire that clamps in silence',
    file: ANSWER,
    find: "return request.reachesBack ? 'new' : 'where-is-the-floor'",
    replace: "return 'new'",
    specs: [RANDOM],
  },
  {
    name: 'a stored position that is gone is one that was compacted',
    file: ANSWER,
    find: "return server.tellsFloor && !request.isClamped ? 'new' : 'where-is-the-floor'",
    replace: "return 'new'",
    specs: [RANDOM],
  },
  {
    name: 'a trial that was clamped is one that reached back',
    file: ANSWER,
    find: "return server.tellsFloor && !request.isClamped ? 'new' : 'where-is-the-floor'",
    replace: "return server.tellsFloor ? 'new' : 'where-is-the-floor'",
    specs: [POSITIONS],
    tests: 'made anew behind a filter',
  },
  {
    name: 'that a time is clamped is ignored',
    file: CONCLUSIONS,
    find: 'request.isClamped = true',
    replace: 'request.isClamped = false',
    specs: [POSITIONS],
    tests: 'made anew behind a filter',
  },
  {
    name: 'wire v2 is asked for the first row under the filter',
    file: 'src/sources/jetstream/v2.ts',
    find: 'unfiltered ? [] : query',
    replace: 'query',
    specs: [TRAPS],
    tests: 'first rows a filter hides',
  },
  {
    name: 'the first row is asked for under the filter',
    file: 'src/live/live.ts',
    find: 'unfiltered: this.#progress.asksForFloor ?? false',
    replace: 'unfiltered: false',
    specs: [TRAPS],
    tests: 'whose log reaches back',
  },
  {
    name: 'events that came before are progress',
    file: 'src/live/live.ts',
    find: ' && (this.#progress.hasAdvanced?.() ?? true)',
    replace: '',
    specs: [TRAPS],
    tests: 'a server that does not go on',
  },
  {
    name: 'what the log loses between a refusal and the next dial is not told',
    file: 'src/live/losses.ts',
    find: 'if (from > 0 && floor > from)',
    replace: 'if (from > floor)',
    specs: ['spec/live/losses.spec.ts'],
  },
  {
    name: 'a stream that goes on live has lost what is before the floor alone',
    file: 'src/live/losses.ts',
    find: "this.onCursorRefused === 'live' ? undefined : floor",
    replace: 'floor',
    specs: ['spec/live/losses.spec.ts', 'spec/sources/jetstream/v2-cursor.spec.ts'],
  },
  {
    name: 'one loss is reported at each cycle',
    file: 'src/live/losses.ts',
    find: 'if (this.isReported) return\n',
    replace: '',
    specs: [POSITIONS],
  },
  {
    name: 'filters that come at once are a change of the first dial',
    file: 'src/live/live.ts',
    find: 'merge(changes$, work$, this.#stream.clock$)',
    replace: 'merge(work$, this.#stream.clock$, changes$)',
    specs: [TRAPS],
    tests: 'BehaviorSubject',
  },
  {
    name: 'a change of the filter is an answer to a cursor',
    file: ANSWER,
    find: "if (answered || server.forgets) return 'new'",
    replace: "if (held.isFilterChanged || answered || server.forgets) return 'new'",
    specs: [POSITIONS],
  },
  {
    name: 'a jump of the time is asked by',
    file: RECEIVED,
    find: "askedBy === 'time' ? this.#plausible : undefined",
    replace: 'undefined',
    specs: [POSITIONS],
  },
  {
    name: 'our clock is taken for the server’s',
    file: ANSWER,
    find: "return isOlder ? 'clock-ahead' : 'clock-unproven'",
    replace: "return isOlder ? 'older' : 'new'",
    specs: [POSITIONS],
  },
  {
    name: 'an OutdatedCursor is no refusal',
    file: CONCLUSIONS,
    find: "else this.#giveUp(host, reason, 'cursor-too-old')",
    replace: '',
    specs: [POSITIONS],
  },
  {
    name: 'a reject inside the overlap moves the resume cursor back',
    file: PROGRESS,
    find: 'if (this.#received.isPast(host, position)) return\n',
    replace: '',
    specs: [POSITIONS],
  },
  {
    name: 'a position that two hosts share is saved when the host changes',
    file: 'src/delivery/checkpoint.ts',
    find: 'one.position === other.position && one.host === other.host',
    replace: 'one.position === other.position',
    specs: [POSITIONS],
  },
  {
    name: 'flush saves once',
    file: 'src/delivery/checkpoint.ts',
    find: 'while (this.errors === errors && this.#isBehind()) await this.save()',
    replace: 'await this.save()',
    specs: [POSITIONS],
  },
  {
    name: 'gaps of a refused cursor name the host as the config does',
    file: 'src/live/live.ts',
    find: 'return this.#protocol?.host ?? this.#hosts.url',
    replace: 'return this.#hosts.url',
    specs: [POSITIONS],
  },
]
