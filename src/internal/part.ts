import { ConnectError } from '../errors.js'

/**
 * A part of the library that not every program needs. In a page it is loaded where it is needed,
 * elsewhere it is there from the start.
 */
export interface Part<Module> {
  /** What is there; `undefined` while it was not loaded. */
  readonly loaded: Module | undefined
  /** Rejects with a retryable `ConnectError`. */
  load(): Promise<Module>
}

export const atHand = <Module>(loaded: Module): Part<Module> => ({
  loaded,
  load: async () => loaded,
})

/** `load`: an `import()`, whose address a bundler must see. */
export function whenNeeded<Module>(load: () => Promise<Module>): Part<Module> {
  const part = {
    loaded: undefined as Module | undefined,
    async load(): Promise<Module> {
      try {
        part.loaded = await load()
        return part.loaded
      } catch (cause) {
        throw new ConnectError('a part of this library cannot be loaded', { cause })
      }
    },
  }
  return part
}
