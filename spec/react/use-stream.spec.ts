import { act, createElement, type FunctionComponent, StrictMode, Suspense } from 'react'
import { Observable, of, Subject, throwError } from 'rxjs'
import { type StreamSnapshot, useStream } from '../../src/react/use-stream.js'

interface Root {
  update(element: unknown): void
  unmount(): void
  toJSON(): unknown
}
// Neither has types of its own.
const { create } = require('react-test-renderer') as { create(element: unknown): Root }
const { renderToString } = require('react-dom/server') as {
  renderToString(element: unknown): string
}

/** A source that counts who subscribes. */
class Source {
  readonly #values$ = new Subject<string>()
  subscribed = 0
  open = 0

  readonly stream$ = new Observable<string>((subscriber) => {
    this.subscribed += 1
    this.open += 1
    subscriber.add(() => {
      this.open -= 1
    })
    subscriber.add(this.#values$.subscribe(subscriber))
  })

  emit(value: string): void {
    act(() => this.#values$.next(value))
  }

  fail(error: unknown): void {
    act(() => this.#values$.error(error))
  }

  complete(): void {
    act(() => this.#values$.complete())
  }
}

const shown = ({ status, value, error }: StreamSnapshot<string>): string =>
  `${status} ${value ?? '-'}${error === undefined ? '' : ` ${error}`}`

/** Shows the stream of `name`, and takes `open` to subscribe to it. */
const View: FunctionComponent<{
  readonly open: (name: string) => Observable<string>
  readonly name?: string
}> = ({ open, name = '' }) => shown(useStream(() => open(name), [name]))

/** What a component waits for while it suspends. */
class Loading {
  isOver = false
  end = () => {}
  readonly promise = new Promise<void>((resolve) => {
    this.end = () => {
      this.isOver = true
      resolve()
    }
  })
}

const Suspending: FunctionComponent<{
  readonly open: () => Observable<string>
  readonly loading: Loading
}> = ({ open, loading }) => {
  const text = shown(useStream(open, []))
  if (!loading.isOver) throw loading.promise
  return text
}

let roots: Root[] = []

function mount(element: unknown): Root {
  let root: Root | undefined
  act(() => {
    root = create(element)
  })
  if (root === undefined) throw new Error('nothing was mounted')
  roots.push(root)
  return root
}

const unmount = (root: Root): Promise<void> => act(async () => root.unmount())

let errors: jest.SpyInstance

beforeAll(() => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
})

beforeEach(() => {
  // The renderer says of itself that it is deprecated.
  errors = jest.spyOn(console, 'error').mockImplementation(() => {})
})

afterEach(async () => {
  for (const root of roots) await unmount(root)
  roots = []
  const said = errors.mock.calls.filter(([line]) => !String(line).includes('test-renderer'))
  errors.mockRestore()
  expect(said).toEqual([])
})

describe('useStream', () => {
  it('renders that it waits, then each value, and the last one after the end', () => {
    const source = new Source()
    const root = mount(createElement(View, { open: () => source.stream$ }))
    expect(root.toJSON()).toBe('pending -')
    source.emit('a')
    expect(root.toJSON()).toBe('live a')
    source.emit('b')
    expect(root.toJSON()).toBe('live b')
    source.complete()
    expect(root.toJSON()).toBe('complete b')
  })

  it('renders a value that comes when it subscribes', () => {
    expect(mount(createElement(View, { open: () => of('a') })).toJSON()).toBe('complete a')
  })

  it('renders what ends the stream, and what the function throws', () => {
    const source = new Source()
    const root = mount(createElement(View, { open: () => source.stream$ }))
    source.emit('a')
    source.fail('lost')
    expect(root.toJSON()).toBe('error a lost')
    const failing = mount(createElement(View, { open: () => throwError(() => 'refused') }))
    expect(failing.toJSON()).toBe('error - refused')
    const open = () => {
      throw new Error('mistaken')
    }
    expect(mount(createElement(View, { open })).toJSON()).toBe('error - Error: mistaken')
  })

  it('subscribes when it is mounted, and unsubscribes when it is unmounted', async () => {
    const source = new Source()
    const root = mount(createElement(View, { open: () => source.stream$ }))
    expect([source.subscribed, source.open]).toEqual([1, 1])
    await unmount(root)
    expect([source.subscribed, source.open]).toEqual([1, 0])
  })

  it('subscribes once under StrictMode, which mounts twice', async () => {
    const source = new Source()
    const view = createElement(View, { open: () => source.stream$ })
    const root = mount(createElement(StrictMode, null, view))
    source.emit('a')
    expect([source.subscribed, source.open, root.toJSON()]).toEqual([1, 1, 'live a'])
    await unmount(root)
    expect(source.open).toBe(0)
  })

  it('subscribes again when its dependencies change, not when it is only rendered', async () => {
    const sources: Record<string, Source> = { one: new Source(), other: new Source() }
    const open = (name: string) => sources[name]?.stream$ ?? of()
    const render = (name: string) => createElement(View, { open: (asked) => open(asked), name })
    const root = mount(render('one'))
    sources.one?.emit('a')
    await act(async () => root.update(render('one')))
    expect([sources.one?.subscribed, root.toJSON()]).toEqual([1, 'live a'])
    await act(async () => root.update(render('other')))
    expect([sources.one?.open, sources.other?.open, root.toJSON()]).toEqual([0, 1, 'pending -'])
  })

  it('has left its first stream when it subscribes to the next one', async () => {
    const calls: string[] = []
    const open = (name: string) =>
      new Observable<string>(() => {
        calls.push(`open ${name}`)
        return () => calls.push(`close ${name}`)
      })
    const root = mount(createElement(View, { open, name: 'one' }))
    await act(async () => root.update(createElement(View, { open, name: 'other' })))
    expect(calls).toEqual(['open one', 'close one', 'open other'])
  })

  it('subscribes to nothing in a render that suspends, and once when it is mounted', async () => {
    const source = new Source()
    const loading = new Loading()
    const view = createElement(Suspending, { open: () => source.stream$, loading })
    const root = mount(createElement(Suspense, { fallback: 'loading' }, view))
    expect([root.toJSON(), source.subscribed]).toEqual(['loading', 0])
    await act(async () => loading.end())
    source.emit('a')
    expect([root.toJSON(), source.subscribed]).toEqual(['live a', 1])
  })

  it('opens nothing on a server, which renders that it waits', () => {
    const source = new Source()
    const text = renderToString(createElement(View, { open: () => source.stream$ }))
    expect([text, source.subscribed]).toEqual(['pending -', 0])
  })

  it('gives each component a subscription of its own', () => {
    const source = new Source()
    const open = () => source.stream$
    mount([createElement(View, { open, key: 1 }), createElement(View, { open, key: 2 })])
    expect(source.open).toBe(2)
  })
})
