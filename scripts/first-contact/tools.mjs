// What the rows are run with. Pinned, so that a release of theirs breaks no change of ours.
export const TOOLS = [
  'rxjs@7.8.2',
  'typescript@5.9.3',
  'typescript7@npm:typescript@7.0.2',
  'typescript5.7@npm:typescript@5.7.3',
  'typescript5.6@npm:typescript@5.6.3',
  '@types/react@19.2.7',
  '@types/node@22.19.1',
  'jest@30.5.2',
  '@swc/core@1.16.22',
  '@swc/jest@0.2.39',
  'vitest@4.1.12',
  'vite@8.4.0',
  'esbuild@0.28.2',
  'webpack@5.113.0',
  'next@16.4.6',
  'react@19.3.1',
  'react-dom@19.3.1',
  'metro@0.83.8',
  'metro-config@0.83.8',
  '@babel/core@7.29.13',
  '@babel/runtime@8.1.3',
  '@react-native/babel-preset@0.82.1',
  'workerd@1.20261117.1',
  'bun@1.4.5',
  'deno@2.9.6',
]

/** A program of the tools. Their install scripts did not run: this starts what lies there. */
export const bin = (path) => ['node', `../../node_modules/${path}`]
