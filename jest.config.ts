/** @jest-config-loader esbuild-register */
import { availableParallelism } from 'node:os'
import type { Config } from 'jest'

const config: Config = {
  testMatch: ['<rootDir>/spec/**/*.spec.ts'],
  testEnvironment: 'node',
  // Jest 30 makes setters of what a file left on its globals, and such a setter calls itself
  // (jest-util, `deleteProperty`).
  testEnvironmentOptions: { globalsCleanup: 'off' },
  // Some dependencies are ESM alone, which `require` cannot read in Node 20; the last one has an
  // `import()`, which jest cannot run as it is.
  transformIgnorePatterns: [
    '/node_modules/(?!(@angular|@atcute|@noble|https-proxy-agent|agent-base|' +
      'proxy-agent-negotiate|@opentelemetry/otlp-exporter-base)/)',
  ],
  transform: {
    '^.+\\.([jt]s|mjs)$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          // Those of Nest, which come before the standard.
          transform: { legacyDecorator: true },
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  moduleNameMapper: {
    '^#http$': '<rootDir>/src/http/node.ts',
    '^#socket$': '<rootDir>/src/socket/node.ts',
    '^#sha256$': '<rootDir>/src/atproto/sha256-node.ts',
    '^#zstd$': '<rootDir>/src/zstd/node.ts',
    '^#schema$': '<rootDir>/src/options/schema/node.ts',
    '^#lazy$': '<rootDir>/src/sources/jetstream/lazy/wires.ts',
    '^#parts$': '<rootDir>/src/live/parts/at-hand.ts',
    '^#jetstream$': '<rootDir>/src/sources/jetstream/parts/at-hand.ts',
    '^rxjs-atproto$': '<rootDir>/src/index.ts',
    '^rxjs-atproto/testing$': '<rootDir>/src/testing/index.ts',
    '^rxjs-atproto/cursors/file$': '<rootDir>/src/cursors/file.ts',
    '^rxjs-atproto/cursors/browser$': '<rootDir>/src/cursors/browser.ts',
    '^rxjs-atproto/cursors/sqlite$': '<rootDir>/src/cursors/sqlite.ts',
    '^rxjs-atproto/cursors/postgres$': '<rootDir>/src/cursors/postgres.ts',
    '^rxjs-atproto/redis$': '<rootDir>/src/redis.ts',
    '^rxjs-atproto/nest$': '<rootDir>/src/nest/index.ts',
    '^rxjs-atproto/nest/microservice$': '<rootDir>/src/nest/microservice.ts',
    '^rxjs-atproto/nest/terminus$': '<rootDir>/src/nest/terminus.ts',
    '^rxjs-atproto/browser$': '<rootDir>/src/browser/index.ts',
    '^rxjs-atproto/angular$': '<rootDir>/src/angular/index.ts',
    '^rxjs-atproto/react$': '<rootDir>/src/react/index.ts',
    '^rxjs-atproto/otel$': '<rootDir>/src/otel/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.tmp/', '<rootDir>/site/'],
  setupFiles: [
    '<rootDir>/spec/helpers/quiet-console.ts',
    '<rootDir>/spec/helpers/suppressed-error.ts',
  ],
  // Specs wait for sockets and for other processes more than they work: one worker more than there
  // are cores.
  maxWorkers: availableParallelism() + 1,
  // What hangs is found by then. No spec is about its own pace: the machine may be busy with
  // others.
  testTimeout: 60_000,
}

export default config
