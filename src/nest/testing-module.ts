import { Global, Module } from '@nestjs/common'
import { AtprotoCoreModule } from './streams.js'
import { AtprotoTesting } from './testing.js'

/**
 * For tests: import it beside your modules, and no stream opens a socket or a store. Handlers
 * receive what `AtprotoTesting` emits. An event has one attempt. A stream that fails does not end
 * the application.
 *
 * @example
 * ```ts
 * import { Test } from '@nestjs/testing'
 *
 * const app = await Test.createTestingModule({ imports: [AtprotoTestingModule] }).compile()
 * await app.init()
 * for (const event of generateEvents({ count: 10 })) app.get(AtprotoTesting).emit(event)
 * await app.get(AtprotoTesting).drained()
 * ```
 */
export class AtprotoTestingModule {}
Module({
  imports: [AtprotoCoreModule],
  providers: [{ provide: AtprotoTesting, useFactory: () => new AtprotoTesting() }],
  exports: [AtprotoTesting],
})(AtprotoTestingModule)
Global()(AtprotoTestingModule)
