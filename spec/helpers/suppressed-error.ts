/**
 * For a body and its disposal that both fail. swc's code for `await using` names this class without
 * declaring it (seen in @swc/core 1.16), and a ReferenceError would hide both.
 */
class SuppressedFailure extends Error {
  constructor(atDisposal: Error, failure: Error) {
    super(`${failure.message}\n\nand at the disposal: ${atDisposal.message}`, { cause: failure })
  }
}

Object.assign(globalThis, { _SuppressedError: SuppressedFailure })
