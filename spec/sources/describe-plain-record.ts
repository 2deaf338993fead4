import { deepStrictEqual } from 'node:assert'
import { deserialize, serialize } from 'node:v8'
import { RecordError } from '../../src/index.js'

type Commit = { record: unknown }
type WithCommit = { readonly commit: Commit }

/** An event whose record nobody has read, and the same event as `JSON.parse` makes it. */
export interface Both {
  readonly lazy: WithCommit
  readonly parsed: WithCommit
}

const WAYS_OF_TOUCHING: readonly (readonly [string, (event: WithCommit) => unknown])[] = [
  ['JSON.stringify', (event) => JSON.stringify(event)],
  ['a spread', (event) => ({ ...event, commit: { ...event.commit } })],
  ['Object.assign', (event) => Object.assign({}, event.commit)],
  ['structuredClone', (event) => structuredClone(event)],
  ['a message to another thread', (event) => deserialize(serialize(event)) as unknown],
  [
    'its keys',
    (event) => [Object.keys(event), Object.keys(event.commit), Reflect.ownKeys(event.commit)],
  ],
  ['its entries', (event) => Object.entries(event.commit)],
  ['for … in', ({ commit }) => forIn(commit)],
  [
    'its prototypes',
    (event) =>
      [Object.getPrototypeOf(event), Object.getPrototypeOf(event.commit)].map(
        (one) => one === Object.prototype,
      ),
  ],
  [
    'its own and enumerable record',
    ({ commit }) => [
      'record' in commit,
      Object.hasOwn(commit, 'record'),
      Object.prototype.propertyIsEnumerable.call(commit, 'record'),
    ],
  ],
  ['String', (event) => [String(event), Object.prototype.toString.call(event.commit)]],
  ['destructuring', ({ commit: { record, ...rest } }) => [record, rest]],
  ['two reads', ({ commit }) => Object.is(commit.record, commit.record)],
  [
    'a delete',
    ({ commit }) => [
      Reflect.deleteProperty(commit, 'record'),
      'record' in commit,
      commit,
      Object.keys(commit),
    ],
  ],
  [
    'an assignment',
    ({ commit }) => [
      assign(commit, { x: 1 }),
      commit.record,
      Object.keys(commit),
      JSON.stringify(commit),
    ],
  ],
  [
    'an assignment after a read',
    ({ commit }) => [commit.record, assign(commit, null), commit.record],
  ],
  ['an assignment of undefined', ({ commit }) => [assign(commit, undefined), commit.record]],
  [
    'a definition',
    ({ commit }) => [
      Object.defineProperty(commit, 'record', { value: 7 }).record,
      Object.keys(commit),
    ],
  ],
  [
    'Object.create',
    ({ commit }) => {
      const heir = Object.create(commit) as Commit
      return [heir.record, Object.keys(heir), Object.hasOwn(heir, 'record'), forIn(heir)]
    },
  ],
  [
    'Object.create of Object.create',
    ({ commit }) => (Object.create(Object.create(commit)) as Commit).record,
  ],
  ['an assignment to what inherits it', ({ commit }) => assignToHeir(commit)],
  [
    'an assignment to what inherits it from a frozen commit',
    ({ commit }) => thrown(() => assignToHeir(Object.freeze(commit))),
  ],
  [
    'an assignment with another receiver',
    ({ commit }) => {
      const receiver = {}
      return [Reflect.set(commit, 'record', 1, receiver), receiver, commit]
    },
  ],
  [
    'freeze',
    ({ commit }) => [
      Object.isFrozen(Object.freeze(commit)),
      commit.record,
      Object.is(commit.record, commit.record),
    ],
  ],
  [
    'an assignment to what is frozen',
    ({ commit }) => [thrown(() => assign(Object.freeze(commit), 1)), commit.record],
  ],
  [
    'an assignment to what is sealed',
    ({ commit }) => [assign(Object.seal(commit), 1), commit.record],
  ],
  [
    'preventExtensions',
    ({ commit }) => [Object.isExtensible(Object.preventExtensions(commit)), commit],
  ],
  [
    'what a proxy passes on without its receiver',
    ({ commit }) =>
      new Proxy(commit, { get: (target, name) => Reflect.get(target, name) as unknown }).record,
  ],
  [
    'an assignment through a proxy',
    ({ commit }) => {
      const proxy = new Proxy(commit, {})
      return [assign(proxy, 1), proxy.record, commit]
    },
  ],
  ['the keys of a proxy', ({ commit }) => Reflect.ownKeys(new Proxy(commit, {}))],
]

/** What every lazy record promises: it is a plain member, whatever a program does with it. */
export function describePlainRecord(source: string, make: () => Promise<Both>): void {
  describe(`a lazy record of ${source}`, () => {
    it.each(WAYS_OF_TOUCHING)('cannot be told from a plain member by %s', async (_, touch) => {
      const { lazy, parsed } = await make()
      expect(Object.getOwnPropertyDescriptor(lazy.commit, 'record')?.get).toBeDefined()
      const [ours, theirs] = [touch(lazy), touch(parsed)]
      deepStrictEqual(ours, theirs)
      expect(ours).toStrictEqual(theirs)
    })

    it('is deeply equal to a plain member, in either order and by any measure', async () => {
      for (const equal of [
        (a: unknown, b: unknown) => expect(a).toEqual(b),
        (a: unknown, b: unknown) => expect(a).toStrictEqual(b),
        (a: unknown, b: unknown) => deepStrictEqual(a, b),
      ]) {
        const { lazy, parsed } = await make()
        equal(lazy, parsed)
        equal(parsed, (await make()).lazy)
        const other = { ...parsed, commit: { ...parsed.commit, record: {} } }
        expect(() => equal(lazy, other)).toThrow()
      }
    })

    it('says what to do when it is read through a proxy, or a copy of its accessor', async () => {
      const { lazy, parsed } = await make()
      const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(lazy.commit))
      for (const one of [new Proxy(lazy.commit, {}), copy as Commit]) {
        expect(() => one.record).toThrow(RecordError)
        expect(() => one.record).toThrow('copy the commit by value first: `{ ...commit }`')
      }
      expect(new Proxy({ ...lazy.commit }, {}).record).toEqual(parsed.commit.record)
    })
  })
}

function assign(commit: Commit, value: unknown): unknown {
  commit.record = value
  return value
}

const forIn = (object: object): readonly string[] => {
  const names: string[] = []
  for (const name in object) names.push(name)
  return names
}

function assignToHeir(commit: object): unknown {
  const heir = Object.create(commit) as Commit
  heir.record = 1
  return [heir.record, Object.keys(heir), commit]
}

function thrown(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return (error as Error).name
  }
}
