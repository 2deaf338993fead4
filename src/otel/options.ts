import * as z from '#schema'
import { name, optional } from '../options/pieces.js'

const objectOf = <Contract>(what: string) =>
  z.custom<Contract>((value) => typeof value === 'object' && value !== null, `must be ${what}`)

const shared = {
  stream: optional(name),
  attributes: optional(objectOf('an object')),
  semconvStabilityOptIn: optional(z.string('must be a string')),
}

export const metricsShape = {
  ...shared,
  meter: optional(objectOf('a Meter of @opentelemetry/api')),
}

export const tracedShape = {
  ...shared,
  tracer: optional(objectOf('a Tracer of @opentelemetry/api')),
  meter: metricsShape.meter,
}
