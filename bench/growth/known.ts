const letter = (index: number): string => String.fromCharCode(97 + index)

/** The repositories of the firehose: 100 of them, of which one is asked for. */
export const REPOSITORIES: readonly string[] = Array.from({ length: 100 }, (_, index) => {
  const name = letter(Math.floor(index / 26)) + letter(index % 26)
  return `did:plc:${name.padStart(24, 'z')}`
})

export const KNOWN: string = REPOSITORIES[0] ?? ''
