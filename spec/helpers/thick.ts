/**
 * `THICK=1` (`npm run test:thick`): property and differential specs run as long as they once ran to
 * find what they found.
 */
const isThick = process.env.THICK !== undefined

/** How many runs of a property: all of them in a thick run, the `usual` ones otherwise. */
export const runs = (usual: number, thick: number): number => (isThick ? thick : usual)
