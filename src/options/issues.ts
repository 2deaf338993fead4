import { ConfigError, type ConfigIssue } from '../errors.js'

/** Collects the mistakes of a config, so that one error names them all. */
export class Issues {
  readonly all: ConfigIssue[] = []

  add(option: string, message: string): void {
    this.all.push({ option, message })
  }

  /** Whether one of these options, or something inside it, is wrong already. */
  concern(...options: readonly string[]): boolean {
    return this.all.some(({ option }) =>
      options.some((name) => option === name || option.startsWith(`${name}.`)),
    )
  }

  throwIfAny(callee: string): void {
    if (this.all.length > 0) throw new ConfigError(callee, this.all)
  }
}
