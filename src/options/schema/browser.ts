/**
 * What describes an option in a page: the part of `zod/mini` that we use, in a tenth of its bytes.
 * It gives the same issues in the same order, which the specs of options show: they run with both.
 */
export interface Issue {
  readonly code: string
  path: readonly PropertyKey[]
  message: string
  /** `true`: the checks after it run too. `false`: not even those of a length. */
  readonly continue?: boolean
  readonly keys?: readonly string[]
  readonly params?: unknown
}

type Found = Pick<Issue, 'code'> & Partial<Issue>

interface Payload {
  value: unknown
  readonly issues: Found[]
}

interface Result {
  readonly value: unknown
  readonly issues: readonly Issue[]
}

type Step = (payload: Payload) => void

/** `onLengths`: for a value that has a length, whatever it is. */
interface Check {
  readonly run: Step
  readonly onLengths?: true
}

const goesOn = (issue: Found): boolean => issue.continue === true

export class Schema {
  constructor(
    private readonly step: Step,
    private readonly message?: string,
    private readonly checks: readonly Check[] = [],
  ) {}

  check(...checks: readonly Check[]): Schema {
    return new Schema(this.step, this.message, [...this.checks, ...checks])
  }

  run(value: unknown): Result {
    const payload: Payload = { value, issues: [] }
    this.step(payload)
    for (const check of this.checks) if (applies(check, payload)) check.run(payload)
    for (const issue of payload.issues) {
      issue.message ??= this.message ?? 'Invalid input'
      issue.path ??= []
    }
    return payload as Result
  }
}

function applies({ onLengths }: Check, { value, issues }: Payload): boolean {
  if (onLengths === undefined) return issues.every(goesOn)
  const { length } = (value ?? {}) as { readonly length?: unknown }
  return length !== undefined && issues.every((issue) => issue.continue !== false)
}

/** A value for which `isRight` holds. Without that, nothing else of it is checked. */
const basic = (isRight: (value: unknown) => boolean, message?: string, code = 'invalid_type') =>
  new Schema(({ value, issues }) => {
    if (!isRight(value)) issues.push({ code, ...(code === 'custom' && { continue: false }) })
  }, message)

/** A check after which the others run too. */
const checking = (isRight: (value: never) => boolean, message?: string): Check => ({
  run({ value, issues }) {
    if (!isRight(value as never))
      issues.push({ code: 'custom', continue: true, ...(message !== undefined && { message }) })
  },
})

export const unknown = (): Schema => basic(() => true)
export const string = (message?: string): Schema =>
  basic((value) => typeof value === 'string', message)
export const boolean = (message?: string): Schema =>
  basic((value) => typeof value === 'boolean', message)
export const number = (message?: string): Schema => basic(Number.isFinite, message)
export const date = (message?: string): Schema =>
  basic((value) => value instanceof Date && !Number.isNaN(value.getTime()), message)
export const custom = (isRight: (value: unknown) => boolean, message?: string): Schema =>
  basic(isRight, message, 'custom')

const instanceOf = (type: new (...values: never[]) => unknown, message?: string): Schema =>
  basic((value) => value instanceof type, message)
const oneOf = (values: readonly unknown[], message?: string): Schema =>
  basic((value) => values.includes(value), message, 'invalid_value')
export const literal = (value: unknown, message?: string): Schema =>
  oneOf(Array.isArray(value) ? value : [value], message)
export { instanceOf as instanceof, oneOf as enum }

export const int = (message?: string): Schema =>
  number(message).check(
    {
      run({ value, issues }) {
        if (!Number.isInteger(value)) issues.push({ code: 'invalid_type', continue: false })
      },
    },
    checking(Number.isSafeInteger),
  )

export const gte = (least: number, message?: string): Check =>
  checking((value: number) => value >= least, message)
export const lte = (most: number, message?: string): Check =>
  checking((value: number) => value <= most, message)
export const positive = (message?: string): Check => checking((value: number) => value > 0, message)
export const regex = (expected: RegExp, message?: string): Check =>
  checking((value: string) => expected.test(value), message)
export const refine = checking
export const minLength = (least: number, message?: string): Check => ({
  ...checking((value: ArrayLike<unknown>) => value.length >= least, message),
  onLengths: true,
})
/** A check that adds the issues itself. */
export const check = (run: Step): Check => ({ run })

/** Leaves `undefined` as it is. */
export const optional = (inner: Schema): Schema =>
  new Schema((payload) => {
    if (payload.value !== undefined) take(payload, inner.run(payload.value))
  })

/** A schema that has a value for `undefined`. */
export class SchemaWithDefault extends Schema {}

export const _default = (inner: Schema, value: unknown): SchemaWithDefault =>
  new SchemaWithDefault((payload) => {
    if (payload.value === undefined) payload.value = value
    else take(payload, inner.run(payload.value))
  })

function take(payload: Payload, { value, issues }: Result): void {
  payload.value = value
  payload.issues.push(...issues)
}

export const array = (element: Schema, message?: string): Schema =>
  new Schema((payload) => {
    const { value, issues } = payload
    if (!Array.isArray(value)) issues.push({ code: 'invalid_type' })
    else payload.value = value.map((one, index) => valueIn(element, one, index, issues))
  }, message)

function valueIn(schema: Schema, value: unknown, key: PropertyKey, issues: Found[]): unknown {
  const result = schema.run(value)
  issues.push(...result.issues.map((issue) => ({ ...issue, path: [key, ...issue.path] })))
  return result.value
}

type Members = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** An object with these members, and no other. */
export const strictObject = (shape: Readonly<Record<string, Schema>>, message?: string): Schema =>
  new Schema((payload) => {
    const { value, issues } = payload
    if (!isObject(value)) {
      issues.push({ code: 'invalid_type' })
      return
    }
    const read = Object.entries(shape).map(([key, schema]) => [
      key,
      valueIn(schema, value[key], key, issues),
    ])
    payload.value = Object.fromEntries(read.filter(([, member]) => member !== undefined))
    const keys = allKeysOf(value).filter((key) => !Object.hasOwn(shape, key))
    if (keys.length > 0) issues.push({ code: 'unrecognized_keys', keys, continue: true })
  }, message)

/** Inherited ones too: a URL is no object of options. */
function allKeysOf(value: object): readonly string[] {
  const keys: string[] = []
  for (const key in value) keys.push(key)
  return keys
}

/** An object with members of one kind. */
export const record = (key: Schema, member: Schema, message?: string): Schema =>
  new Schema((payload) => {
    const { value, issues } = payload
    if (!isPlain(value)) {
      issues.push({ code: 'invalid_type' })
      return
    }
    const read = Object.entries(value).flatMap(([name, one]) => {
      if (key.run(name).issues.length === 0) return [[name, valueIn(member, one, name, issues)]]
      issues.push({ code: 'invalid_key', path: [name] })
      return []
    })
    payload.value = Object.fromEntries(read)
  }, message)

function isPlain(value: unknown): value is Members {
  if (!isObject(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.hasOwn(prototype as object, 'isPrototypeOf')
}

/** The first that fits. Where one alone fits but for its checks, the issues are those of it. */
export const union = (options: readonly Schema[], message?: string): Schema =>
  new Schema((payload) => {
    const results = options.map((option) => option.run(payload.value))
    const near = results.filter(({ issues }) => issues.every(goesOn))
    const [only] = near
    const best =
      near.find(({ issues }) => issues.length === 0) ?? (near.length === 1 ? only : undefined)
    if (best === undefined) payload.issues.push({ code: 'invalid_union' })
    else take(payload, best)
  }, message)

/** What a check made of a value: the value, or its issues. */
export function safeParse(schema: Schema, input: unknown) {
  const { value, issues } = schema.run(input)
  return issues.length === 0
    ? { success: true, data: value }
    : { success: false, error: { issues } }
}

export function parse(schema: Schema, input: unknown): unknown {
  const { data, error } = safeParse(schema, input)
  if (error !== undefined) throw new TypeError(error.issues.map(({ message }) => message).join())
  return data
}
