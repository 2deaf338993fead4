import { deepStrictEqual } from 'node:assert'
import { deserialize, serialize } from 'node:v8'
import { RecordError } from '../../src/index.js'

type Member = 'record' | 'problem'
type Commit = { [Name in Member]?: unknown }
type WithCommit = { readonly commit: Commit }

/** An event whose lazy member nobody has read, and the same event as `JSON.parse` makes it. */
export interface Both {
  readonly lazy: WithCommit
  readonly parsed: WithCommit
}

const waysOfTouching = (
  name: Member,
): readonly (readonly [string, (event: WithCommit) => unknown])[] => [
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
    'the member, own and enumerable',
    ({ commit }) => [
      name in commit,
      Object.hasOwn(commit, name),
      Object.prototype.propertyIsEnumerable.call(commit, name),
    ],
  ],
  ['String', (event) => [String(event), Object.prototype.toString.call(event.commit)]],
  ['destructuring', ({ commit: { [name]: value, ...rest } }) => [value, rest]],
  ['two reads', ({ commit }) => Object.is(commit[name], commit[name])],
  [
    'a delete',
    ({ commit }) => [
      Reflect.deleteProperty(commit, name),
      name in commit,
      commit,
      Object.keys(commit),
    ],
  ],
  [
    'an assignment',
    ({ commit }) => [
      assign(commit, name, { x: 1 }),
      commit[name],
      Object.keys(commit),
      JSON.stringify(commit),
    ],
  ],
  [
    'an assignment after a read',
    ({ commit }) => [commit[name], assign(commit, name, null), commit[name]],
  ],
  ['an assignment of undefined', ({ commit }) => [assign(commit, name, undefined), commit[name]]],
  [
    'a definition',
    ({ commit }) => [Object.defineProperty(commit, name, { value: 7 })[name], Object.keys(commit)],
  ],
  [
    'Object.create',
    ({ commit }) => {
      const heir = Object.create(commit) as Commit
      return [heir[name], Object.keys(heir), Object.hasOwn(heir, name), forIn(heir)]
    },
  ],
  [
    'Object.create of Object.create',
    ({ commit }) => (Object.create(Object.create(commit)) as Commit)[name],
  ],
  ['an assignment to what inherits it', ({ commit }) => assignToHeir(commit, name)],
  [
    'an assignment to what inherits it from a frozen commit',
    ({ commit }) => thrown(() => assignToHeir(Object.freeze(commit), name)),
  ],
  [
    'an assignment with another receiver',
    ({ commit }) => {
      const receiver = {}
      return [Reflect.set(commit, name, 1, receiver), receiver, commit]
    },
  ],
  [
    'freeze',
    ({ commit }) => [
      Object.isFrozen(Object.freeze(commit)),
      commit[name],
      Object.is(commit[name], commit[name]),
    ],
  ],
  [
    'an assignment to what is frozen',
    ({ commit }) => [thrown(() => assign(Object.freeze(commit), name, 1)), commit[name]],
  ],
  [
    'an assignment to what is sealed',
    ({ commit }) => [assign(Object.seal(commit), name, 1), commit[name]],
  ],
  [
    'preventExtensions',
    ({ commit }) => [Object.isExtensible(Object.preventExtensions(commit)), commit],
  ],
  [
    'what a proxy passes on without its receiver',
    ({ commit }) =>
      new Proxy(commit, { get: (target, key) => Reflect.get(target, key) as unknown })[name],
  ],
  [
    'an assignment through a proxy',
    ({ commit }) => {
      const proxy = new Proxy(commit, {})
      return [assign(proxy, name, 1), proxy[name], commit]
    },
  ],
  ['the keys of a proxy', ({ commit }) => Reflect.ownKeys(new Proxy(commit, {}))],
]

/** What every lazy member promises: it is a plain member, whatever a program does with it. */
export function describePlainRecord(
  source: string,
  make: () => Promise<Both>,
  name: Member = 'record',
): void {
  describe(`a lazy ${name} of ${source}`, () => {
    it.each(waysOfTouching(name))('cannot be told from a plain member by %s', async (_, touch) => {
      const { lazy, parsed } = await make()
      expect(Object.getOwnPropertyDescriptor(lazy.commit, name)?.get).toBeDefined()
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
        const other = { ...parsed, commit: { ...parsed.commit, [name]: {} } }
        expect(() => equal(lazy, other)).toThrow()
      }
    })

    it('says what to do when it is read through a proxy, or a copy of its accessor', async () => {
      const { lazy, parsed } = await make()
      const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(lazy.commit))
      for (const one of [new Proxy(lazy.commit, {}), copy as Commit]) {
        expect(() => one[name]).toThrow(RecordError)
        expect(() => one[name]).toThrow('copy the commit by value first: `{ ...commit }`')
      }
      expect(new Proxy({ ...lazy.commit }, {})[name]).toEqual(parsed.commit[name])
    })
  })
}

function assign(commit: Commit, name: Member, value: unknown): unknown {
  commit[name] = value
  return value
}

const forIn = (object: object): readonly string[] => {
  const names: string[] = []
  for (const name in object) names.push(name)
  return names
}

function assignToHeir(commit: object, name: Member): unknown {
  const heir = Object.create(commit) as Commit
  heir[name] = 1
  return [heir[name], Object.keys(heir), commit]
}

function thrown(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return (error as Error).name
  }
}
