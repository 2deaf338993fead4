/**
 * A base class whose constructor returns the object that it is given. The private fields of a
 * derived class are then added to that object. They are invisible there: to `Object.keys`, to
 * comparisons and to clones. A `WeakMap` would do the same at five times the cost.
 */
export class PrivateFieldHost {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: an object literal gets private fields
    return object
  }
}
