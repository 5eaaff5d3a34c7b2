/** What a token that is bound to a tenant or database learns of the store as a whole. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { RunningServer } from '../../src/server/serve.ts'
import { call, newCollection, startServer } from './support.ts'

const tokens = [
  { name: 'admin', role: 'admin' as const, token: 'token-of-the-admin' },
  { name: 'acme', role: 'admin' as const, token: 'token-of-all-of-acme', tenant: 'acme' },
  {
    name: 'search',
    role: 'read' as const,
    token: 'token-of-search-in-acme',
    tenant: 'acme',
    database: 'search',
  },
]
const as = (name: string) => ({ authorization: `Bearer ${tokens.find((each) => each.name === name)!.token}` })
const database = '/api/v2/tenants/acme/databases/search'

let server: RunningServer
let collection: string
/** Every route below a database that takes points, with one for each of its points. */
let asking: { method: string; path: string; points: string[] }[]

beforeAll(async () => {
  server = await startServer({ auth: { tokens } }, 'file')
  await call(server, 'POST', '/api/v2/tenants/acme/databases', { name: 'search' }, as('admin'))
  const made = await call(server, 'POST', `${database}/collections`, { name: 'notes' }, as('admin'))
  collection = `${database}/collections/${(made.json() as { id: string }).id}`
  await call(server, 'POST', '/api/v2/tags', { name: 'launch-of-zebra', point: 1 }, as('admin'))
  const retention = { retention: { history: { days: 4711 } } }
  await call(server, 'PUT', `${database}/retention`, retention, as('admin'))
  const { paths } = (await call(server, 'GET', '/openapi.json')).json() as {
    paths: Record<
      string,
      Record<string, { parameters?: { name: string; in: string; schema: { type?: string } }[] }>
    >
  }
  asking = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { parameters = [] }]) => {
      const points = parameters
        .filter(
          ({ name, schema }) =>
            ['as_of', 'from', 'to', 'after', 'until'].includes(name) && schema.type === 'string',
        )
        .map(({ name }) => name)
      return points.length === 0 || !path.includes('{database}')
        ? []
        : [{ method: method.toUpperCase(), path, points }]
    }),
  )
})

/** One request for each route, all of whose points are `point`. */
async function askAll(who: string, point: string): Promise<string[]> {
  const answers: string[] = []
  for (const { method, path, points } of asking) {
    const url = path
      .replace(
        /.*\{collection_id\}/,
        path.endsWith('{collection_id}') ? `${database}/collections/notes` : collection,
      )
      .replace(/.*\{database\}/, database)
      .replace(/\{\w+\}/, collection.split('/').at(-1)!)
    const query = [
      ...points.map((name) => `${name}=${point}`),
      ...(path.endsWith('/history') ? ['id=a'] : []),
    ]
    const bodies: Record<string, object> = {
      query: { query_embeddings: [[1]] },
      explain_query: { query_embeddings: [[1]] },
      search: { searches: [] },
    }
    const body = method === 'POST' ? (bodies[path.split('/').at(-1)!] ?? {}) : undefined
    const { status, text } = await call(server, method, `${url}?${query.join('&')}`, body, as(who))
    answers.push(`${method} ${path} ${status} ${text}`)
  }
  return answers
}

describe.each(['acme', 'search'])('%s', (who) => {
  test('cannot tell which tags there are', async () => {
    expect(asking.length).toBeGreaterThan(10)
    const [known, unknown] = [
      await askAll(who, 'tag:launch-of-zebra'),
      await askAll(who, 'tag:launch-of-cobra'),
    ]
    expect(known).toEqual(unknown)
    expect(await askAll(who, 'launch-of-zebra')).toEqual(known)
    for (const answer of known) expect(answer).toMatch(/ 403 .*"code":"forbidden"/)
    expect((await askAll(who, '1')).filter((answer) => answer.includes(' 403 '))).toEqual([])
  })

  test('is not told the newest position by one that lies ahead', async () => {
    const answers = [await askAll(who, '8888888'), await askAll(who, '9999999')]
    expect(answers[0]!.map((text) => text.replaceAll('8888888', '9999999'))).toEqual(answers[1])
    for (const answer of answers[1]!) {
      expect(answer).toContain('"code":"position_not_reached"')
      expect(answer.replace(/^.*? 400 /, '')).toMatch(/^[^\d]*9999999[^\d]*$/)
    }
    const feed = await call(server, 'GET', `${database}/changes?after=9999999`, undefined, as(who))
    expect(feed.text.match(/"message":".*?"/)?.[0]).toMatch(/^[^\d]*9999999[^\d]*$/)
  })

  test('finds nothing on tags and the store’s retention in the log and the feed', async () => {
    for (const path of ['log', 'changes?live=false']) {
      const told = (await call(server, 'GET', `${database}/${path}`, undefined, as(who))).text
      expect(told).toContain('create-collection')
      expect(told).not.toMatch(/create-tag|set-retention|zebra|4711/)
      const all = (await call(server, 'GET', `${database}/${path}`, undefined, as('admin'))).text
      expect(all).toMatch(/create-tag.*set-retention/s)
    }
  })
})

test('the retention of an own collection stands in the own log', async () => {
  const own = { retention: { history: { versions: 3 } }, collection: 'notes' }
  expect((await call(server, 'PUT', `${database}/retention`, own, as('acme'))).status).toBe(200)
  expect((await call(server, 'GET', `${database}/log`, undefined, as('acme'))).text).toContain(
    'set-retention',
  )
})

test('whoever sees the store reads at tags', async () => {
  const answers = await askAll('admin', 'launch-of-zebra')
  expect(answers.filter((answer) => answer.includes(' 403 '))).toEqual([])
  const open = await startServer()
  await newCollection(open)
  await call(open, 'POST', '/api/v2/tags', { name: 'launch', point: 1 })
  const at = '/api/v2/tenants/default_tenant/databases/default_database/collections_count?as_of=launch'
  expect((await call(open, 'GET', at)).json()).toBe(1)
})
