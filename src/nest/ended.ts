import { isObservable, lastValueFrom } from 'rxjs'

/** Resolves when what a handler returned has ended: a promise, an observable, or nothing. */
export async function ended(answer: unknown): Promise<unknown> {
  return isObservable(answer) ? lastValueFrom(answer, { defaultValue: undefined }) : answer
}
