import { plain } from './text.js'

type Environment = Readonly<Record<string, string | undefined>>

/** The command that somebody typed, to type it again: by `npm start`, by `npx`, or by its name. */
export function commandTyped(typed: readonly string[], environment: Environment): string {
  if (environment.npm_lifecycle_event === 'start') {
    // `npm start` names the command itself; what follows it was typed after `--`.
    const [, ...flags] = typed
    return ['npm start --silent', ...(flags.length > 0 ? ['--', ...flags.map(quoted)] : [])].join(
      ' ',
    )
  }
  const name = environment.npm_command === 'exec' ? 'npx rxjs-atproto' : 'rxjs-atproto'
  return [name, ...typed.map(quoted)].join(' ')
}

/** For a shell: a text of other than usual characters in quotes. */
const quoted = (text: string): string =>
  /^[\w.,:/@%+=-]+$/.test(text) ? text : `'${plain(text).replaceAll("'", `'\\''`)}'`
