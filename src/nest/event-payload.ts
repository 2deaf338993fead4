import { createParamDecorator, type ExecutionContext } from '@nestjs/common'

/**
 * The parameter of a handler that receives the event, or the batch. Needed only for pipes, which
 * apply to decorated parameters alone: `put(@EventPayload(new PostPipe()) post)`.
 */
export const EventPayload = createParamDecorator((_: unknown, context: ExecutionContext): unknown =>
  context.getArgByIndex(0),
)
