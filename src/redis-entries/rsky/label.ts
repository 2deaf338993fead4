import { FrameError } from '../../errors.js'
import { checkStrings, isObject, type Json } from '../fields.js'

export const isLabel = ({ src, uri, val, cts }: Json): boolean =>
  [src, uri, val, cts].every((member) => typeof member === 'string')

/** A frame of one label. As on the wire, the position is beside the label, not in it. */
export function encodeLabel({ seq, ...label }: Json): Json {
  return { seq, labels: [label] }
}

/** Returns one event for each label: rsky's ingester writes a whole frame as one entry. */
export function decodeLabels({ seq, labels }: Json): readonly Json[] {
  if (!Array.isArray(labels)) throw new FrameError('the entry lacks its `labels`')
  return labels.map((label: unknown) => {
    if (!isObject(label)) throw new FrameError('a label is no object')
    checkStrings('label', label, 'src', 'uri', 'val', 'cts')
    return { seq, ...present(label) }
  })
}

/** Removes members that are `null`: rsky writes those for members that are absent on the wire. */
const present = (label: Json): Json =>
  Object.fromEntries(Object.entries(label).filter(([, value]) => value !== null))
