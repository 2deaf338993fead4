// How each example is built, by its own command line, and what else is true of it.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Runs a program of the example's own, with its output where it fails. */
export function run(folder, command, ...args) {
  try {
    const env = { ...process.env, NO_COLOR: '1', CI: 'true', NG_CLI_ANALYTICS: 'false' }
    return execFileSync(command, args, { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')} failed:\n${error.stdout}\n${error.stderr}`)
  }
}

export const install = (folder, ...packages) => {
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  if (packages.length === 0) run(folder, 'npm', 'ci', ...quiet)
  else run(folder, 'npm', 'install', '--no-save', ...quiet, ...packages)
}

export const TARBALL = './rxjs-atproto.tgz'

const edit = (file, change) => writeFileSync(file, change(readFileSync(file, 'utf8')))

const react = {
  mostBytes: 40_000,
  site: 'dist',
  packages: [],
  // The same page, without the library and with all of rxjs.
  entry: 'src/main.tsx',
  empty: `import { createRoot } from 'react-dom/client'
    createRoot(document.body).render(<p>empty</p>)`,
  build: (folder) => run(folder, 'npm', 'run', 'build'),
  /** The page as a server renders it, put into the page that the browser hydrates. */
  async render(folder) {
    const { render } = await import(pathToFileURL(join(folder, 'dist/server/server.js')).href)
    const html = render()
    edit(join(folder, 'dist/index.html'), (page) =>
      page.replace('<div id="root"></div>', `<div id="root">${html}</div>`),
    )
    return html
  },
  previous(folder) {
    install(folder, TARBALL, 'react@18', 'react-dom@18', '@types/react@18', '@types/react-dom@18')
    react.build(folder)
  },
}

export const PROJECTS = { react }
