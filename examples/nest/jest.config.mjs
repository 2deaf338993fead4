// Jest as ESM, as Nest 12 is: `npm run test:jest`.
const parser = { syntax: 'typescript', decorators: true }
const transform = { legacyDecorator: true, decoratorMetadata: true }
const swc = { jsc: { parser, transform, target: 'es2022' }, module: { type: 'es6' } }

export default {
  testMatch: ['<rootDir>/test/*.jest.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', swc] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
}
