/** A frame that is no event, but tells something about the stream. */
export class Control {
  constructor(
    /** What the server calls it. */
    readonly name: string,
    readonly message = '',
  ) {}
}
