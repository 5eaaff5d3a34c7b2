/**
 * Requests that are wrong in every way that we could think of, made from the OpenAPI document. A seed gives the
 * same ones again.
 */

export type Random = () => number

/** mulberry32: a number in [0, 1), the same for the same seed. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Schema {
  $ref?: string
  type?: string | string[]
  properties?: Record<string, Schema>
  items?: Schema
  enum?: unknown[]
  oneOf?: Schema[]
  anyOf?: Schema[]
  allOf?: Schema[]
}

interface Operation {
  parameters?: { in: string; name: string }[]
  requestBody?: { content?: Record<string, { schema: Schema }> }
}

export interface ApiDocument {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

/** One request, ready to be written to a socket. */
export interface WrongRequest {
  /** What is wrong with it. */
  kind: string
  method: string
  path: string
  headers: Record<string, string>
  body: Buffer | undefined
}

/** Makes wrong requests of a document. */
export class WrongRequests {
  readonly #document: ApiDocument
  readonly #random: Random
  readonly #collection: string
  readonly #operations: { method: string; path: string; operation: Operation }[]

  constructor(document: ApiDocument, random: Random, collection: string) {
    this.#document = document
    this.#random = random
    this.#collection = collection
    this.#operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
      })),
    )
  }

  /** `perOperation` requests for every operation, each wrong in a way that it can be. */
  *all(perOperation: number): Generator<WrongRequest> {
    for (const { method, path, operation } of this.#operations) {
      const schema = Object.values(operation.requestBody?.content ?? {})[0]?.schema
      const kinds = schema === undefined ? pathKinds : [...bodyKinds, ...pathKinds]
      for (let time = 0; time < perOperation; time++) {
        const kind = kinds[(time + Math.floor(this.#random() * kinds.length)) % kinds.length]!
        const good = { method, path: this.#path(path), headers: {}, kind, body: undefined }
        yield bodyKinds.includes(kind as BodyKind)
          ? this.#wrongBody({ ...good, headers: json }, kind as BodyKind, schema!)
          : this.#wrongPath(good, kind as PathKind, path, operation)
      }
    }
  }

  #path(path: string): string {
    return path
      .replaceAll(/\{tenant(_name)?\}/g, 'default_tenant')
      .replace('{database}', 'default_database')
      .replace('{collection_id}', this.#collection)
      .replaceAll(/\{\w+\}/g, 'some-name')
  }

  #wrongBody(good: WrongRequest, kind: BodyKind, schema: Schema): WrongRequest {
    const value = this.#example(schema, 0)
    const text = JSON.stringify(value) ?? 'null'
    const body = (content: string | Buffer): WrongRequest => ({ ...good, body: Buffer.from(content) })
    switch (kind) {
      case 'wrong type':
        return body(JSON.stringify(this.#spoiled(value, () => this.#pick(oddValues))))
      case 'huge number':
        return body(
          withLiteral(
            this.#spoiled(value, () => marker),
            this.#pick(hugeNumbers),
          ),
        )
      case 'not JSON':
        return body(
          withLiteral(
            this.#spoiled(value, () => marker),
            this.#pick(notJson),
          ),
        )
      case 'truncated':
        return body(text.slice(0, Math.floor(this.#random() * text.length)))
      case 'deep': {
        const depth = Math.floor(10 ** (2 + this.#random() * 4))
        const [open, close] = this.#pick([
          ['[', ']'],
          ['{"$and":[', ']}'],
          ['{"a":', '}'],
        ])
        const deep = open.repeat(depth) + (this.#random() < 0.5 ? `1${close.repeat(depth)}` : '')
        return body(
          withLiteral(
            this.#spoiled(value, () => marker),
            deep,
          ),
        )
      }
      case 'oversized':
        return body(`{"ids":["${'x'.repeat(oversizedBytes)}"]}`)
      case 'unknown field':
        return body(JSON.stringify({ ...(value as object), [this.#pick(oddNames)]: this.#pick(oddValues) }))
      case 'same key twice':
        return body(text.replace(/^\{/, `{"ids":[1],${text === '{}' ? '"ids":2' : '"ids":[2],'}`))
      case 'not UTF-8':
        return body(
          Buffer.concat([Buffer.from('{"name":"'), this.#pick(notUtf8), Buffer.from('","ids":["a"]}')]),
        )
      case 'another value':
        return body(this.#pick(otherBodies))
      case 'content type':
        return { ...body(text), headers: { 'content-type': this.#pick(contentTypes) } }
    }
  }

  #wrongPath(good: WrongRequest, kind: PathKind, template: string, operation: Operation): WrongRequest {
    switch (kind) {
      case 'path parameter': {
        const odd = this.#pick(oddSegments)
        return { ...good, path: template.replace(/\{\w+\}/, odd).replaceAll(/\{\w+\}/g, this.#collection) }
      }
      case 'query parameter': {
        const known = (operation.parameters ?? []).filter((one) => one.in === 'query').map((one) => one.name)
        const pairs = Array.from({ length: 1 + Math.floor(this.#random() * 3) }, () => {
          const name = this.#pick([...known, ...known, 'limit', 'as_of', '__proto__', 'a[b]'])
          return `${name}=${this.#pick(oddParameters)}`
        })
        return { ...good, path: `${good.path}?${pairs.join('&')}` }
      }
      case 'header':
        return {
          ...good,
          headers: { ...json, ...this.#pick(oddHeaders) },
          body: Buffer.from('{"ids":["a"]}'),
        }
      case 'method':
        return {
          ...good,
          method: this.#pick(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND', 'POST']),
        }
      case 'body where none belongs':
        return { ...good, headers: json, body: Buffer.from(this.#pick(otherBodies)) }
    }
  }

  /** A value as the schema wants it. */
  #example(schema: Schema, depth: number): unknown {
    const { $ref, enum: choices, properties, items, allOf, oneOf = schema.anyOf } = schema
    if ($ref !== undefined)
      return this.#example(this.#document.components.schemas[$ref.split('/').at(-1)!] ?? {}, depth)
    if (depth > 6) return null
    if (choices !== undefined) return this.#pick(choices)
    if (oneOf !== undefined) return this.#example(this.#pick(oneOf), depth + 1)
    if (allOf !== undefined) return Object.assign({}, ...allOf.map((part) => this.#example(part, depth + 1)))
    const type = Array.isArray(schema.type) ? this.#pick(schema.type) : schema.type
    if (type === 'object' || properties !== undefined)
      return Object.fromEntries(
        Object.entries(properties ?? {}).map(([name, part]) => [name, this.#example(part, depth + 1)]),
      )
    if (type === 'array') return [this.#example(items ?? {}, depth + 1)]
    return { string: 'text', integer: 3, number: 0.5, boolean: true }[type ?? ''] ?? null
  }

  /** A copy with one place, anywhere in it, replaced. */
  #spoiled(value: unknown, replacement: () => unknown): unknown {
    if (this.#random() < 0.15 || typeof value !== 'object' || value === null) return replacement()
    const keys = Object.keys(value)
    if (keys.length === 0) return Array.isArray(value) ? [replacement()] : { ids: replacement() }
    const chosen = this.#pick(keys)
    const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>
    copy[chosen] = this.#spoiled(copy[chosen], replacement)
    return copy
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)]!
  }
}

const bodyKinds = [
  'wrong type',
  'huge number',
  'not JSON',
  'truncated',
  'deep',
  'oversized',
  'unknown field',
  'same key twice',
  'not UTF-8',
  'another value',
  'content type',
] as const
type BodyKind = (typeof bodyKinds)[number]
const pathKinds = [
  'path parameter',
  'query parameter',
  'header',
  'method',
  'body where none belongs',
] as const
type PathKind = (typeof pathKinds)[number]

/** More than the server of the test takes. */
export const bodyBytesMax = 262_144
const oversizedBytes = bodyBytesMax + 1

const json = { 'content-type': 'application/json' }
const marker = '@@marker@@'

/** JSON text, with a literal that `JSON.stringify` cannot write in the marker's place. */
function withLiteral(value: unknown, literal: string): string {
  return (JSON.stringify(value) ?? '').replace(`"${marker}"`, () => literal)
}

const oddValues: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  -0,
  '',
  'text',
  '\0',
  '\ud800',
  'x'.repeat(70_000),
  [],
  [[]],
  [null],
  [[null]],
  [1, 'a', null],
  {},
  { a: {} },
  { $and: [] },
  { $or: [{}] },
  { $regex: '(' },
  { a: { $in: [] } },
  { a: { $gt: 'x' } },
  { toString: 1, constructor: 2 },
]
const hugeNumbers = [
  '1e400',
  '-1e400',
  '9'.repeat(40),
  '1e308',
  '0.'.padEnd(5_000, '3'),
  '-9223372036854775809',
  '1e-400',
]
const notJson = [
  'NaN',
  'Infinity',
  'undefined',
  '01',
  '+1',
  '.5',
  "'a'",
  '/**/1',
  '1,',
  '"\\x"',
  '"\u0001"',
  '"\\ud800"',
]
const oddNames = [
  '__proto__',
  'constructor',
  'toString',
  'IDS',
  'unknown',
  '',
  '\0',
  'n_results',
  'where',
  'limit',
]
const notUtf8 = [
  Buffer.from([0xff]),
  Buffer.from([0xc0, 0x80]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xf8, 0x88, 0x80, 0x80, 0x80]),
  Buffer.from([0xe2, 0x82]),
]
const otherBodies = [
  '',
  ' ',
  'null',
  '[]',
  '"text"',
  '3',
  'true',
  '{}',
  '{}{}',
  '\ufeff{}',
  '<a/>',
  'a=b',
  '\0\0\0',
  '[[[]]]',
]
const contentTypes = [
  'text/plain',
  'application/xml',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded',
  'application/json; charset=utf-16',
  'json',
  '/',
  '',
  'application/jsonx',
  `application/${'x'.repeat(2_000)}+json`,
]
const oddSegments = [
  '%00',
  '%zz',
  '%ff%fe',
  '%F0%9F%98%80',
  '..',
  '%2e%2e%2f',
  'x'.repeat(9_000),
  'a',
  '1.2.3.4',
  '00000000-0000-0000-0000-00000000000g',
  '00000000-0000-0000-0000-000000000000',
  '{}',
  '%20',
  '-1',
  "'%3B--",
]
const oddParameters = [
  '',
  '-1',
  '1e9',
  '99999999999999999999',
  'NaN',
  'banana!',
  'tag:',
  'tag:..',
  '2026-13-45',
  '0001-01-01T00:00:00Z',
  '%00',
  '%zz',
  '%ff',
  'true',
  'x'.repeat(5_000),
  '1&from=2&to=3&position=1',
  '[]',
]
const oddHeaders: Record<string, string>[] = [
  { 'idempotency-key': '%zz' },
  { 'idempotency-key': '' },
  { 'idempotency-key': 'x'.repeat(2_000) },
  { 'x-annals-expected-position': '-1' },
  { 'x-annals-expected-position': '9'.repeat(30) },
  { 'x-annals-expected-position': 'x' },
  { 'x-annals-actor': '%ff' },
  { 'x-annals-actor': 'x'.repeat(1_000) },
  { 'x-annals-reason': '%E0%A4%A' },
  { 'last-event-id': 'abc' },
  { 'last-event-id': '-5' },
  { 'last-event-id': '99999999999999999999' },
  { accept: 'nothing/at-all' },
  { 'accept-encoding': 'identity;q=0' },
  { 'content-encoding': 'gzip' },
  { 'transfer-encoding': 'chunked', 'x-request-id': '"' },
  { authorization: 'Basic %%%' },
  { 'x-chroma-token': '\t' },
  { origin: 'null' },
  { expect: '200-ok' },
  { range: 'bytes=5-1' },
  { 'x-large': 'x'.repeat(20_000) },
  { host: 'a b' },
  { connection: 'upgrade', upgrade: 'websocket' },
]
