import type { CursorFileLock, CursorFileState } from '../cursors/file.js'
import type { Field } from './fields.js'
import { readPosition, type StoredPosition, timeOf } from './stored-position.js'
import { duration } from './text.js'

/** What is known of a cursor file, to read. */
export function fieldsOf(
  path: string,
  { saved, lock }: CursorFileState,
  now: number,
): readonly Field[] {
  const lockField: Field = [
    'lock',
    lock === undefined ? 'none: nobody uses it' : ownerOf(lock, now),
  ]
  if (saved === undefined) return [['file', path], ['position', 'none was saved yet'], lockField]
  const position = readPosition(saved.position)
  return [
    ['file', path],
    ['stream', saved.key],
    ...positionFields(position),
    ...timeFields(position, now),
    ['saved', when(saved.savedAt.getTime(), now)],
    lockField,
  ]
}

function positionFields(position: StoredPosition): readonly Field[] {
  if (position.of === 'text') return [['position', position.text]]
  if (position.of === 'page') {
    const { pages, cursor } = position
    return [
      ['pages done', String(pages)],
      ['position', cursor ?? 'the end: the list is complete'],
    ]
  }
  const { host, filter } = position
  return [
    ...(host === '' ? [] : [['host', host] as const]),
    ['position', host === '' ? 'the time, on any host' : String(position.position)],
    ...(filter === undefined ? [] : [['filter', JSON.stringify(filter)] as const]),
  ]
}

function timeFields(position: StoredPosition, now: number): readonly Field[] {
  if (position.of !== 'event') return []
  const time = timeOf(position)
  return [['time', time === undefined ? 'unknown until the next save' : when(time, now)]]
}

/** A position in a line. */
export function described(position: StoredPosition, now: number): string {
  if (position.of === 'text') return position.text
  if (position.of === 'page') return position.cursor ?? 'the end of the list'
  const time = timeOf(position)
  const at = time === undefined ? undefined : when(time, now)
  if (position.host === '') return `from ${at}`
  return `${position.position}${at === undefined ? '' : ` at ${at}`}`
}

/** `2026-11-30T12:00:00.000Z (5.0 m ago)`. */
export function when(ms: number, now: number): string {
  const age = now - ms
  const distance = age < 0 ? `in ${duration(-age)}` : `${duration(age)} ago`
  return `${new Date(ms).toISOString()} (${distance})`
}

function ownerOf({ pid, host, process, touchedAt }: CursorFileLock, now: number): string {
  if (pid === undefined || host === undefined) return 'of an unknown process: it cannot be read'
  const touched = `touched ${duration(Math.max(0, now - touchedAt.getTime()))} ago`
  const state = {
    runs: `which runs (${touched})`,
    ended: 'which has ended: the next run takes it over',
    unknown: `which cannot be seen from here (${touched}; it counts for a minute)`,
  }[process]
  return `of process ${pid} on ${host}, ${state}`
}

/** The same, for a program. */
export function jsonOf(path: string, { saved, lock }: CursorFileState): object {
  const position = saved && readPosition(saved.position)
  const time = position && timeOf(position)
  return {
    file: path,
    key: saved?.key,
    position: position?.of === 'event' ? position.position : saved?.position,
    host: position?.of === 'event' ? position.host : undefined,
    time: time === undefined ? undefined : new Date(time).toISOString(),
    savedAt: saved?.savedAt.toISOString(),
    lock: lock ?? null,
  }
}
