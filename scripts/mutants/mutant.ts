/** One mistake that somebody could make in the code, and the specs that must fail with it. */
export interface Mutant {
  /** What the code then does wrong, as a sentence. */
  readonly name: string
  readonly file: string
  /** Text that occurs in the file exactly once, so that a mutant stays in step with the code. */
  readonly find: string
  readonly replace: string
  /** The spec files that concern it; the first failure kills the mutant. */
  readonly specs: readonly string[]
  /**
   * Of them only the specs whose names match, where a whole file would take long. A regular
   * expression.
   */
  readonly tests?: string
}

/**
 * The file's text with the mistake. Throws where `find` does not occur exactly once: the code has
 * changed, and the mutant must follow.
 */
export function mutated({ name, file, find, replace }: Mutant, text: string): string {
  const count = text.split(find).length - 1
  if (count !== 1)
    throw new Error(
      `the mutant "${name}" finds its text ${count} times in ${file}, and must find it ` +
        `once:\n${find}`,
    )
  // A function, since `$&` and its like mean something in a replacement text.
  return text.replace(find, () => replace)
}
