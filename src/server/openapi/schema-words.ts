/** Short words for JSON schemas, so that a long list of them can be read. */
import type { JsonSchema } from '../http/route.ts'

export const string: JsonSchema = { type: 'string' }
export const boolean: JsonSchema = { type: 'boolean' }
export const integer: JsonSchema = { type: 'integer' }
export const number: JsonSchema = { type: 'number' }
export const uuid: JsonSchema = { type: 'string', format: 'uuid' }
export const instant: JsonSchema = { type: 'string', format: 'date-time' }
export const count: JsonSchema = { type: 'integer', minimum: 0 }
export const anything: JsonSchema = {}

export function ref(name: string): JsonSchema {
  return { $ref: `${name}#` }
}

export function array(items: JsonSchema): JsonSchema {
  return { type: 'array', items }
}

export function nullable(schema: JsonSchema): JsonSchema {
  return typeof schema.type === 'string' && schema.enum === undefined
    ? { ...schema, type: [schema.type, 'null'] }
    : { oneOf: [{ type: 'null' }, schema] }
}

export function enumeration(...values: string[]): JsonSchema {
  return { type: 'string', enum: values }
}

export function map(values: JsonSchema): JsonSchema {
  return { type: 'object', additionalProperties: values }
}

/** An object; properties whose name ends in `?` may be missing. */
export function object(properties: Readonly<Record<string, JsonSchema>>, description?: string): JsonSchema {
  const names = Object.keys(properties)
  const required = names.filter((name) => !name.endsWith('?'))
  return {
    type: 'object',
    ...(description !== undefined && { description }),
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(names.map((name) => [name.replace(/\?$/, ''), properties[name]!])),
  }
}

/** The same, and other properties are refused. */
export function closed(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { ...object(properties), additionalProperties: false }
}
