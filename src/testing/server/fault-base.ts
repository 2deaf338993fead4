/** The members of every fault. */
export interface FaultBase {
  /**
   * How many times it fires: `after` repeats at each multiple, the others at the attempts or
   * requests that follow.
   * @default 1
   */
  readonly times?: number
  /**
   * Whether it may stay unfired.
   * @default false: closing the server then fails
   */
  readonly optional?: boolean
}

/** Another HTTP answer than the one that is due. */
export interface HttpRefusal {
  readonly do: 'refuse'
  /** @default 503 */
  readonly status?: number
  /** @default empty */
  readonly body?: string
  /** @default none */
  readonly headers?: Readonly<Record<string, string>>
}

/** Whether the fault, which fires first at number `first`, fires at number `n`. */
export const covers = (first: number, { times = 1 }: FaultBase, n: number): boolean =>
  n >= first && n < first + times

/** One line for each fault that fired less often than `times`. An endless fault must fire once. */
export function unfired<Fault extends FaultBase>(
  faults: readonly Fault[],
  fired: readonly { readonly fault: Fault }[],
): readonly string[] {
  return faults.flatMap((fault) => {
    const { times = 1, optional } = fault
    const wanted = times === Number.POSITIVE_INFINITY ? 1 : times
    const count = timesFired(fault, fired)
    return optional || count >= wanted
      ? []
      : [`${JSON.stringify(fault)} fired ${count} of ${wanted} times`]
  })
}

export const timesFired = <Fault>(
  fault: Fault,
  fired: readonly { readonly fault: Fault }[],
): number => fired.filter((one) => one.fault === fault).length
