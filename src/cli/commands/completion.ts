import { Argument, type Command } from 'commander'
import { completionScript, SHELLS, type Shell } from '../completion/scripts.js'
import { levelsOf } from '../completion/tree.js'
import type { CommandContext } from '../context.js'
import { explanations } from '../pages.js'
import { print } from '../print.js'

const HELP = `
The package must be installed so that the shell finds its command:
npm install --global rxjs-atproto.

Examples:
  $ rxjs-atproto completion bash >> ~/.bashrc
  $ rxjs-atproto completion zsh > ~/.zfunc/_rxjs-atproto
  $ rxjs-atproto completion fish > ~/.config/fish/completions/rxjs-atproto.fish

Exit codes:
  0    done
  2    usage`

/** `rxjs-atproto completion bash|zsh|fish`: the Tab key completes commands and flags. */
export function addCompletion(program: Command, context: CommandContext): void {
  program
    .command('completion')
    .summary('let the Tab key complete commands and flags')
    .description('Writes a script for your shell, which completes commands and flags.')
    .addArgument(new Argument('<shell>', 'your shell').choices(SHELLS))
    .addHelpText('after', HELP)
    .action(async (shell: Shell) => {
      const codes = [...explanations().keys()]
      context.exit(await print(completionScript(shell, withCodes(levelsOf(program), codes))))
    })
}

type Levels = ReturnType<typeof levelsOf>

/** `explain` takes a code in lower case as well, so its argument has no choices of its own. */
const withCodes = (levels: Levels, codes: readonly string[]): Levels =>
  levels.map((level) =>
    level.at === '/explain'
      ? { ...level, words: codes.map((text) => ({ text, help: 'the code of an error' })) }
      : level,
  )
