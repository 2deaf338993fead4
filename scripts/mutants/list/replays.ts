import type { Mutant } from '../mutant.js'

const CONCLUSIONS = 'src/live/conclusions.ts'
const ANSWER = 'src/live/cursor-answer.ts'
const REQUESTS = 'src/live/cursor-requests.ts'
const RECEIVED = 'src/live/received.ts'
const RANDOM = 'spec/live/random-logs.spec.ts'
const RESUMING = 'spec/live/resume.spec.ts'
const POSITIONS = 'spec/live/positions.spec.ts'

/** What a stream makes of older rows, and of a log that went back or is another one. */
export const REPLAYS: readonly Mutant[] = [
  {
    name: 'that a server goes on with the oldest event is not logged',
    file: CONCLUSIONS,
    find: "if (this.options.onCursorRefused === 'oldest') this.#warn(host, reason, 'oldest')",
    replace: "if (this.options.onCursorRefused === 'oldest') return",
    specs: [POSITIONS],
  },
  {
    name: 'a low number is proof of a log that takes no times',
    file: 'src/live/cursor-answer.ts',
    find: 'if (hasTimes && time_us > needs.time_us) return false',
    replace: '',
    specs: ['spec/live/resume-without-times.spec.ts'],
  },
  {
    name: 'an older time is proof of a log that takes no times',
    file: 'src/live/cursor-answer.ts',
    find: 'return (takesTimes && hasTimes) ||',
    replace: 'return hasTimes ||',
    specs: ['spec/live/resume-without-times.spec.ts'],
  },
  {
    name: 'forget the overlap: a replay begins again with each connection',
    file: 'src/live/cursor-request.ts',
    find: 'before.cameTo === 0 ||',
    replace: 'before.cameTo >= 0 ||',
    specs: [RANDOM],
  },
  {
    name: 'a replay goes on in whatever log there is',
    file: 'src/live/cursor-request.ts',
    find: 'if (position !== request.cameTo || time_us !== request.cameToUs) lose',
    replace: 'if (position < 0) lose',
    specs: [RANDOM],
  },
  {
    name: 'a replay goes on by time',
    file: REQUESTS,
    find: 'this.current?.goesOn ? this.current.cameTo :',
    replace: 'this.current?.goesOn ? this.current.cameToUs :',
    specs: [RANDOM],
  },
  {
    name: 'a row of a replay that goes on shows that our clock is ahead',
    file: 'src/live/cursor-request.ts',
    find: 'request.olderAtMs = nowMs\n',
    replace: '\n',
    specs: [RESUMING],
  },
  {
    name: 'resume past the last event',
    file: REQUESTS,
    find: "cursorRequest('repeat', held.position, {",
    replace: "cursorRequest('repeat', held.position + 1, {",
    specs: [RANDOM],
  },
  {
    name: 'another host that lags behind is another log',
    file: ANSWER,
    find: "return request.question === 'rewind' ? 'further-back' : 'renumbered'",
    replace: "return 'renumbered'",
    specs: [RESUMING],
  },
  {
    name: 'a time that jumped ahead of our clock is saved',
    file: RECEIVED,
    find: 'position.position === jump.position && isAhead',
    replace: 'position.position < 0 && isAhead',
    specs: [POSITIONS],
  },
  {
    name: 'a position that was given up counts as reached',
    file: RECEIVED,
    find: 'this.#furthest = this.#furthestSince\n',
    replace: '',
    specs: [POSITIONS],
    tests: 'made anew',
  },
  {
    name: 'a position that was given up leaves nothing reached',
    file: RECEIVED,
    find: 'this.#furthest = this.#furthestSince\n',
    replace: 'this.#furthest = NOWHERE\n',
    specs: [POSITIONS],
    tests: 'made anew',
  },
  {
    name: 'anchors of another host are proof',
    file: CONCLUSIONS,
    find: 'if (this.received.host !== host) this.received.forgetAnchors()',
    replace: '',
    specs: [POSITIONS],
  },
  {
    name: 'a trial that was doubted is a repeat again',
    file: REQUESTS,
    find: "this.inquire(this.#doubted?.question === 'trial' ? 'trial' : 'none')",
    replace: "this.inquire('none')",
    specs: [POSITIONS],
  },
  {
    name: 'what was progress before a jump is none',
    file: RECEIVED,
    find: 'this.#furthest = plausible\n',
    replace: '\n',
    specs: [POSITIONS],
  },
  {
    name: 'questions have no end',
    file: 'src/live/hosts.ts',
    find: ' && this.#questions <= MAX_QUESTIONS',
    replace: '',
    specs: [POSITIONS],
  },
  {
    name: 'an event beside the held one is old, by number',
    file: ANSWER,
    find: 'if (isHeld && event !== undefined && !held.repeats.has(',
    replace: 'if (position < 0 && event !== undefined && !held.repeats.has(',
    specs: [POSITIONS],
  },
  {
    name: 'an event beside the held one is old, by time',
    file: ANSWER,
    find: "if (!isProof && time_us === held.time_us) return 'new'",
    replace: '',
    specs: [POSITIONS],
  },
  {
    name: 'what was given up leaves its anchors',
    file: RECEIVED,
    find: '    this.#forget()\n    this.forgetAnchors()\n  }',
    replace: '    this.#forget()\n  }',
    specs: [POSITIONS],
  },
  {
    name: 'a server that asks us back is never a failure',
    file: 'src/live/hosts.ts',
    find: 'this.#cameBack = true\n',
    replace: '\n',
    specs: [POSITIONS],
  },
  {
    name: 'a question goes with us to another host',
    file: REQUESTS,
    find: "this.inquire('none')\n      this.current = undefined",
    replace: 'this.current = undefined',
    specs: [RESUMING],
  },
]
