import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { routes } from '../../src/server/routes/index.ts'
import { call, newCollection, startServer } from './support.ts'

// biome-ignore lint/suspicious/noExplicitAny: a document of any shape
type Json = Record<string, any>
interface Document {
  openapi: string
  paths: Record<string, Record<string, Json>>
  components: { schemas: Record<string, Json>; securitySchemes: Json }
}

const chroma = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../fixtures/chroma-openapi.json'), 'utf8'),
) as Document

async function served(): Promise<Document> {
  return (await call(await startServer(), 'GET', '/openapi.json')).json()
}

/** Every value of a key anywhere inside. */
function valuesOf(key: string, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, entry]) =>
    name === key && typeof entry === 'string' ? [entry] : valuesOf(key, entry),
  )
}

/** Names of path parameters do not matter: only where they stand. */
const shapeOf = (path: string): string => path.replace(/\{\w+\}/g, '{}')

describe('the OpenAPI document', () => {
  test('has every route, each with its body, answers and parameters', async () => {
    const { paths, openapi } = await served()
    expect(openapi).toBe('3.1.0')
    const listed = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(listed.sort()).toEqual(routes.map(({ method, url }) => `${method} ${url}`).sort())
    for (const { method, url, body } of routes) {
      const operation = paths[url]![method.toLowerCase()]!
      const named = (operation.parameters ?? []) as { in: string; name: string }[]
      const inPath = named.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`)
      expect(inPath.sort()).toEqual([...(url.match(/\{\w+\}/g) ?? [])].sort())
      expect(operation.requestBody !== undefined).toBe(body !== undefined)
      expect(Object.keys(operation.responses as Json)).toEqual(expect.arrayContaining(['400', '500']))
    }
  })

  test('names each operation once, and refers to nothing that is not there', async () => {
    const document = await served()
    const names = valuesOf('operationId', document)
    expect(new Set(names).size).toBe(routes.length)
    const { schemas } = document.components
    const references = valuesOf('$ref', document) as string[]
    expect(references.length).toBeGreaterThan(100)
    const unknown = references.filter(
      (reference) => schemas[reference.replace('#/components/schemas/', '')] === undefined,
    )
    expect(unknown).toEqual([])
    expect(valuesOf('$id', document)).toEqual([])
  })

  test("has every one of Chroma's operations, with its name", async () => {
    const { paths } = await served()
    const ours = new Map(Object.entries(paths).map(([path, operations]) => [shapeOf(path), operations]))
    for (const [path, operations] of Object.entries(chroma.paths))
      for (const [method, { operationId }] of Object.entries(operations))
        expect(ours.get(shapeOf(path))?.[method]?.operationId, `${method} ${path}`).toBe(operationId)
  })

  test("its schemas have every property of Chroma's payloads and answers", async () => {
    const { components } = await served()
    const payloads = Object.entries(chroma.components.schemas).filter(([name]) =>
      /Payload$|Response$|^Collection$/.test(name),
    )
    expect(payloads.length).toBeGreaterThan(30)
    for (const [name, schema] of payloads) {
      const parts = [schema, ...((schema.allOf ?? []) as Json[])]
      const properties = parts.flatMap(({ properties = {} }) => Object.keys(properties))
      const own = components.schemas[name]
      if (properties.length === 0 || /^Raw|^AttachedFunction/.test(name)) continue
      expect(Object.keys(own?.properties ?? {}), name).toEqual(expect.arrayContaining(properties))
    }
  })

  test('is shown at /docs, from this server alone', async () => {
    const server = await startServer()
    const page = await call(server, 'GET', '/docs')
    expect(page.status).toBe(200)
    expect(page.text).not.toMatch(/(src|href)="https?:/)
    const [, script] = /src="(\.?\/?[^"]*swagger-ui-bundle\.js)"/.exec(page.text) ?? []
    expect((await call(server, 'GET', new URL(script!, `${server.url}/docs/`).pathname)).status).toBe(200)
  })
})

test("every one of Chroma's routes answers, and never with an error of the server", async () => {
  const server = await startServer()
  const collection = await newCollection(server)
  const id = collection.split('/').at(-1)!
  const values: Record<string, string> = {
    tenant: 'default_tenant',
    tenant_name: 'default_tenant',
    database: 'default_database',
    collection_id: id,
    crn: 'a:b:c',
    name: 'f',
    function_name: 'f',
  }
  for (const [path, operations] of Object.entries(chroma.paths))
    for (const method of Object.keys(operations)) {
      const url = path.replace(/\{(\w+)\}/g, (_, name: string) => values[name]!)
      const body = operations[method]!.requestBody === undefined ? undefined : {}
      const { status, text } = await call(server, method.toUpperCase(), url, body)
      expect(status === 501 || status < 500, `${method} ${url}: ${status} ${text}`).toBe(true)
      expect(status, `${method} ${url}`).not.toBe(405)
      if (status === 404) expect(text, `${method} ${url}`).not.toBe('')
    }
})
