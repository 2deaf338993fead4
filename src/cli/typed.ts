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
  return [programTyped(environment), ...typed.map(quoted)].join(' ')
}

/** How to start another command of this program. `npm start` can start only one. */
export const programTyped = ({ npm_command, npm_lifecycle_event }: Environment): string =>
  npm_command === 'exec' || npm_lifecycle_event === 'start' ? 'npx rxjs-atproto' : 'rxjs-atproto'

/** For a shell: a text of other than usual characters in quotes. */
const quoted = (text: string): string =>
  /^[\w.,:/@%+=-]+$/.test(text) ? text : `'${plain(text).replaceAll("'", `'\\''`)}'`
