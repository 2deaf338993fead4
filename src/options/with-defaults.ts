import * as z from '#schema'

/** How each option is checked: a shape has exactly the options of its public type. */
export type ShapeOf<Options> = { readonly [Name in keyof Options]-?: z.Schema }

/** The options as their reader sees them: one whose piece has a default is never `undefined`. */
export type WithDefaults<Options, Shape> = {
  readonly [Name in keyof Options]-?: Name extends keyof Shape
    ? Shape[Name] extends z.SchemaWithDefault
      ? Exclude<Options[Name], undefined>
      : Options[Name]
    : Options[Name]
}

/** The default of an option. */
export const defaultOf = (piece: z.Schema): unknown => z.safeParse(piece, undefined).data

/** Fills in the defaults of a shape, without a check. `undefined` means the default too. */
export function withDefaults<Options extends object, const Shape extends ShapeOf<Options>>(
  shape: Shape,
  options: Options,
): WithDefaults<Options, Shape> {
  const given = options as Readonly<Record<string, unknown>>
  const defaults = Object.entries<z.Schema>(shape)
    .filter(([name]) => given[name] === undefined)
    .map(([name, piece]) => [name, defaultOf(piece)] as const)
  return { ...options, ...Object.fromEntries(defaults) } as WithDefaults<Options, Shape>
}
