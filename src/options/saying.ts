import * as z from '#schema'

/** Marks an issue whose message has the value in it, or leaves it out for a reason. */
export const WHOLE = { whole: true }

/** A check that says itself what is wrong: `undefined` where nothing is. */
export const saying = <T>(mistakeIn: (value: T) => string | undefined) =>
  z.check<T>(({ value, issues }) => {
    const message = mistakeIn(value)
    if (message !== undefined)
      issues.push({ code: 'custom', message, input: value, params: WHOLE, continue: true })
  })

/** An option that had another name. */
export const renamedTo = (option: string) =>
  z
    .unknown()
    .check(saying((value) => (value === undefined ? undefined : `is called \`${option}\` now`)))
