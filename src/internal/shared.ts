/**
 * Returns an object that all copies of this library in one realm share; the first copy makes it. If
 * `globalThis` is frozen, each copy has its own object. A worker, an iframe and a `vm` context are
 * separate realms.
 */
export function shared<T extends object>(name: string, make: () => T): T {
  const key = Symbol.for(`rxjs-atproto.${name}`)
  const found: T | undefined = Reflect.get(globalThis, key)
  if (found !== undefined) return found
  const made = make()
  Reflect.defineProperty(globalThis, key, { value: made })
  return made
}
