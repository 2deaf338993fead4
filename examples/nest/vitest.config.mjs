// Without `emitDecoratorMetadata`, which vitest does not emit.
export default { test: { include: ['test/*.vitest.ts'] } }
