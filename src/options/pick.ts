/** The pieces of some options, in this order: mistakes are listed in the order of a shape. */
export const pick = <Shape extends object, const Name extends keyof Shape>(
  shape: Shape,
  ...names: readonly Name[]
): Pick<Shape, Name> =>
  Object.fromEntries(names.map((name) => [name, shape[name]])) as Pick<Shape, Name>
