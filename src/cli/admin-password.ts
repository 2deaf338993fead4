import { readFileSync } from 'node:fs'
import { ConfigError } from '../index.js'
import type { CommandContext } from './context.js'

/**
 * Where the password of a Tap is read from. Never from a flag: every user of a machine can read
 * the arguments of a process.
 */
export interface PasswordOptions {
  readonly passwordFile?: string
}

export const PASSWORD_HELP = `
If the Tap has a password, it is read from TAP_ADMIN_PASSWORD, or from the
first line of --password-file.`

/** Returns the password; the file wins over the environment. */
export function adminPassword(
  { passwordFile }: PasswordOptions,
  { environment }: CommandContext,
): string | undefined {
  if (passwordFile === undefined) return environment.TAP_ADMIN_PASSWORD || undefined
  try {
    return readFileSync(passwordFile, 'utf8').split(/\r?\n/, 1)[0]
  } catch (error) {
    throw new ConfigError('tap', [
      { option: 'password-file', message: `cannot be read: ${(error as Error).message}` },
    ])
  }
}
