// Writes a report of the public API of each entry to `api/`, of the declarations in `dist`:
// `npm run api`. `--check` writes nothing, says what differs, and ends with 1 where something does.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor'

const ROOT = resolve(fileURLToPath(import.meta.url), '../..')
const REPORTS = join(ROOT, 'api')
const TEMPORARY = join(ROOT, '.tmp/api')

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
  },
})
const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const entries = Object.entries(exports).flatMap(([path, { types }]) =>
  types === undefined ? [] : [[path, types]],
)

mkdirSync(REPORTS, { recursive: true })
mkdirSync(join(TEMPORARY, 'reports'), { recursive: true })

const different = entries
  .map(([path, types]) =>
    report(path === '.' ? 'index' : path.slice(2).replaceAll('/', '-'), types),
  )
  .filter(Boolean)
if (different.length > 0) {
  console.error(
    `The public API differs from its report: ${different.join(', ')}. Run \`npm run api\`, ` +
      `and review the change with the code.`,
  )
  process.exitCode = 1
}

/** The file of a report that differs, under `--check`. */
function report(name, types) {
  const file = `${name}.api.md`
  extract(name, join(ROOT, types))
  const [made, path] = [
    withoutPlaces(readFileSync(join(TEMPORARY, 'reports', file), 'utf8')),
    join(REPORTS, file),
  ]
  if (existsSync(path) && readFileSync(path, 'utf8') === made) return undefined
  if (values.check) return `api/${file}`
  writeFileSync(path, made)
  return undefined
}

/**
 * A remark names the file alone: its line says nothing to a reviewer.
 */
function withoutPlaces(text) {
  return text.replaceAll('\r\n', '\n').replaceAll(/^(\/\/ )\S*?([\w.-]+\.d\.ts):\d+:\d+/gm, '$1$2')
}

function extract(name, mainEntryPointFilePath) {
  const configObject = {
    projectFolder: ROOT,
    mainEntryPointFilePath,
    newlineKind: 'lf',
    compiler: {
      overrideTsconfig: {
        compilerOptions: { ...compilerOptions(), types: ['node'] },
        files: [mainEntryPointFilePath],
      },
    },
    apiReport: {
      enabled: true,
      reportFileName: name,
      reportFolder: join(TEMPORARY, 'reports'),
      reportTempFolder: join(TEMPORARY, 'made'),
      includeForgottenExports: false,
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: {
      compilerMessageReporting: { default: { logLevel: 'error' } },
      extractorMessageReporting: {
        default: { logLevel: 'none' },
        // A type that a public one needs and nobody can import.
        'ae-forgotten-export': { logLevel: 'warning', addToApiReportFile: true },
      },
      tsdocMessageReporting: { default: { logLevel: 'none' } },
    },
  }
  const config = ExtractorConfig.prepare({
    configObject,
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, 'package.json'),
  })
  // What is written and what is compared is our own business, above.
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => (message.handled = message.logLevel !== 'error'),
  })
}

function compilerOptions() {
  return {
    target: 'ES2022',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    lib: ['ES2023', 'ESNext.Disposable', 'DOM'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
  }
}
