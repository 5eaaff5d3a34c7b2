/**
 * Every route of the OpenAPI document, asked by everybody: nobody, a wrong token, each role, tokens bound to a
 * tenant or a database, and those of another tenant. What should be refused is decided here by a rule of its own,
 * not by what the routes declare.
 */
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, serve } from '../../src/server/serve.ts'

const tokenOf = (name: string) => `token-of-${name}-with-some-length`
const victim = { tenant: 'acme', database: 'search' }
const stranger = { tenant: 'other', database: 'search' }

/** Who asks: a role and a home. `null`: nobody whom the server knows. */
const callers = {
  nobody: null,
  wrong: null,
  reader: { role: 'read' },
  writer: { role: 'write' },
  admin: { role: 'admin' },
  'acme-reader': { role: 'read', tenant: 'acme' },
  'acme-writer': { role: 'write', tenant: 'acme' },
  'acme-admin': { role: 'admin', tenant: 'acme' },
  'search-reader': { role: 'read', ...victim },
  'search-admin': { role: 'admin', ...victim },
  'side-admin': { role: 'admin', tenant: 'acme', database: 'side' },
  'other-admin': { role: 'admin', tenant: 'other' },
  'other-search-admin': { role: 'admin', ...stranger },
} as const
type Caller = keyof typeof callers
type Home = { role: 'read' | 'write' | 'admin'; tenant?: string; database?: string } | null
const names = Object.keys(callers) as Caller[]
const strangers: readonly Caller[] = ['other-admin', 'other-search-admin', 'side-admin']

/** Stands in everything that the victim keeps, and in no question: so it may stand in no answer to a stranger. */
const secret = 'xyzzy-secret'
/** The collection of the victim that strangers ask for. */
const vault = 'vault'

interface Route {
  method: string
  path: string
}

let server: RunningServer
let routes: Route[]

beforeAll(async () => {
  const known = names.filter((name) => callers[name] !== null)
  const tokens = known.map((name) => ({ name, token: tokenOf(name), ...callers[name]! }))
  server = await serve({ ephemeral: true, port: 0, auth: { tokens }, allowReset: true, heartbeatMs: 50 })
  const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>
  }
  routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  )
})
afterAll(() => server.close())

interface Answered {
  status: number
  headers: Headers
  text: string
}

/** One request; of answers that go on, what came until there was silence. */
async function ask(
  caller: Caller,
  method: string,
  path: string,
  body?: unknown,
  more: Record<string, string> = {},
): Promise<Answered> {
  const headers = {
    ...(caller !== 'nobody' && { authorization: `Bearer ${tokenOf(caller)}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...more,
  }
  const answer = await fetch(server.url + path, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const { status } = answer
  const isEndless = answer.headers.get('content-type') === 'text/event-stream'
  return {
    status,
    headers: answer.headers,
    text: isEndless ? await readUntilSilence(answer) : await answer.text(),
  }
}

/** A feed begins with a sign of life, and sends another one whenever nothing came for a heartbeat. */
async function readUntilSilence(answer: Response): Promise<string> {
  const signOfLife = ': \n\n'
  let text = ''
  for await (const piece of answer.body!) {
    text += Buffer.from(piece).toString('latin1')
    if (text.length > signOfLife.length && text.endsWith(signOfLife)) break
  }
  return text
}

const databaseUrl = ({ tenant, database }: typeof victim) => `/api/v2/tenants/${tenant}/databases/${database}`

/** Ids of the collections, made again where a request of the test took them away. */
async function prepare(): Promise<{ victim: string; own: string }> {
  for (const { tenant, database } of [victim, stranger])
    for (const name of [database, 'side'])
      await ask('admin', 'POST', `/api/v2/tenants/${tenant}/databases`, { name })
  // One that nobody asks for, by a name that nobody says.
  await collectionIn(victim, secret, secret)
  return {
    victim: await collectionIn(victim, vault, secret),
    own: await collectionIn(stranger, 'own', 'own'),
  }
}

async function collectionIn(place: typeof victim, name: string, text: string): Promise<string> {
  const collections = `${databaseUrl(place)}/collections`
  const wanted = { name, get_or_create: true, metadata: { text } }
  const { id } = JSON.parse((await ask('admin', 'POST', collections, wanted)).text) as { id: string }
  const records = {
    ids: ['r1'],
    embeddings: [[1, 2]],
    documents: [text],
    metadatas: [{ text }],
    uris: [text],
  }
  await ask('admin', 'POST', `${collections}/${id}/upsert`, records)
  return id
}

/** What the rule of the matrix asks for, by method and path alone. */
function rule({
  method,
  path,
}: Route): 'public' | 'anyone' | { role: 'read' | 'write' | 'admin'; scope: string } {
  const publicPaths = /^\/api\/v2(|\/heartbeat|\/healthcheck|\/version|\/pre-flight-checks)$/
  if (publicPaths.test(path)) return 'public'
  if (path === '/api/v2/auth/identity') return 'anyone'
  return { role: ruleOfRole(method, path), scope: ruleOfScope(path) }
}

function ruleOfRole(method: string, path: string): 'read' | 'write' | 'admin' {
  const last = path.split('/').at(-1)!
  if (method === 'GET' && last === 'retention') return 'read'
  const adminOnly = [
    'erase',
    'retention',
    'verify',
    'repair',
    'compact',
    'vacuum',
    'reset',
    'metrics',
    'backup',
  ]
  if (adminOnly.includes(last) || /\/backup\//.test(path)) return 'admin'
  if (path === '/api/v2/tenants' || (method === 'PATCH' && /\/tenants\/\{\w+\}$/.test(path))) return 'admin'
  if (method === 'GET') return 'read'
  const reads = ['get', 'query', 'search', 'explain_query']
  return method === 'POST' && reads.includes(last) ? 'read' : 'write'
}

function ruleOfScope(path: string): string {
  if (/\{database\}/.test(path)) return 'database'
  if (/\/tenants\/\{tenant\}\/databases$/.test(path)) return 'tenant'
  if (/\/tenants\/\{tenant_name\}$/.test(path)) return 'tenant-name'
  return 'store'
}

function expected(route: Route, home: Home, target: typeof victim): 'ok' | 401 | 403 {
  const access = rule(route)
  if (access === 'public') return 'ok'
  if (home === null) return 401
  if (access === 'anyone') return 'ok'
  const order = ['read', 'write', 'admin']
  if (order.indexOf(home.role) < order.indexOf(access.role)) return 403
  if (home.tenant === undefined) return 'ok'
  if (access.scope === 'store' || home.tenant !== target.tenant) return 403
  if (home.database === undefined) return 'ok'
  if (access.scope === 'database') return home.database === target.database ? 'ok' : 403
  // The name of the own tenant may be known; what else it holds may not. Changing it takes more.
  return access.scope === 'tenant-name' && route.method === 'GET' ? 'ok' : 403
}

/** A body that gets as far as it can, for each kind of call. */
function bodyFor({ method, path }: Route, collection: string): object | undefined {
  if (method === 'GET' || method === 'DELETE') return undefined
  const everything = ['documents', 'metadatas', 'embeddings', 'uris']
  const bodies: Record<string, object> = {
    get: { include: everything },
    query: { query_embeddings: [[1, 2]], include: [...everything, 'distances'] },
    explain_query: { query_embeddings: [[1, 2]] },
    search: {
      searches: [{ limit: { limit: 9 }, select: { keys: ['#document', '#metadata', '#embedding'] } }],
    },
    add: { ids: ['new'], embeddings: [[1, 2]] },
    upsert: { ids: ['new'], embeddings: [[1, 2]] },
    update: { ids: ['r1'], documents: ['changed'] },
    delete: { where: { text: { $ne: 'nothing' } } },
    fork: { new_name: 'forked' },
    erase: { collection, ids: ['r1'] },
    retention: { retention: { history: 'forever' }, collection },
    collections: { name: vault, get_or_create: true },
    databases: { name: 'side' },
    tags: { name: 'tagged', point: 1 },
  }
  return bodies[path.split('/').at(-1)!] ?? {}
}

/** The path with its parameters, and query parameters that make it answer all that it can. */
function fill({ path }: Route, place: typeof victim, collection: string, query = ''): string {
  const filled = path
    .replaceAll(/\{tenant(_name)?\}/g, place.tenant)
    .replace('{database}', place.database)
    .replace('{collection_id}', collection)
    .replace('{crn}', `${place.tenant}:${place.database}:${vault}`)
    .replaceAll(/\{\w+\}/g, vault)
  return query === '' ? filled : `${filled}?${query}`
}

/** What each of our routes needs, or takes: it refuses what it does not know. */
function queriesFor({ path }: Route, collection: string): string[] {
  const last = path.split('/').at(-1)!
  const queries: Record<string, string[]> = {
    history: ['id=r1'],
    changes: [
      'live=false&after=0',
      ...(path.includes('{collection_id}') ? [] : [`live=false&after=0&collection=${collection}`]),
      'after=0',
    ],
    log: ['', `collection=${collection}`, 'id=r1'],
    diff: ['from=0&to=3', 'from=1&to=9'],
    explain_query: ['from=1&to=9'],
    proof: ['position=1&content=true'],
    consistency: ['from=1&to=2'],
  }
  const found = queries[last] ?? ['']
  const takesPoint = [
    'get',
    'query',
    'count',
    'collections',
    'collections_count',
    '{collection_id}',
  ].includes(last)
  return takesPoint ? [...found, 'as_of=9'] : found
}

test('the document has the routes that this test thinks of', () => {
  expect(routes.length).toBeGreaterThan(50)
  const secured = routes.filter((route) => rule(route) !== 'public')
  expect(secured.length).toBeGreaterThan(45)
})

/** Whether a request can have taken away what the next one needs. */
function mayChange({ method, path }: Route, { status }: Answered): boolean {
  return status < 300 && method !== 'GET' && !/\/(get|query|search)$/.test(path)
}

describe('every route lets in whom it should, and nobody else', () => {
  test.each(names)('%s', async (caller) => {
    const wrong: string[] = []
    let { victim: id } = await prepare()
    for (const route of routes) {
      const [query] = queriesFor(route, id)
      const path = fill(route, victim, id, query)
      const answer = await ask(caller, route.method, path, bodyFor(route, id))
      const should = expected(route, callers[caller], victim)
      const problem = misfit(answer, should)
      if (problem !== null) wrong.push(`${route.method} ${path}: ${answer.status}, ${problem}`)
      if (mayChange(route, answer)) id = (await prepare()).victim
    }
    expect(wrong).toEqual([])
  })

  function misfit({ status, headers, text }: Answered, should: 'ok' | 401 | 403): string | null {
    if (should === 'ok' && (status === 401 || status === 403)) return 'should be let in'
    if (should !== 'ok' && status !== should) return `should be ${should}`
    if (should !== 'ok' && text.includes(secret)) return 'tells the secret'
    if (status >= 500 && status !== 501) return 'failed'
    const challenge = status === 401 ? 'Bearer realm="annals"' : null
    return headers.get('www-authenticate') === challenge ? null : 'has another challenge'
  }
})

describe('a token never reads or changes what lies outside of its home', () => {
  test.each(strangers)('%s, with every mixture of its own and foreign names', async (caller) => {
    const { tenant, database = 'search' } = callers[caller] as { tenant: string; database?: string }
    const places = [victim, { tenant, database }, { tenant, database: 'side' }]
    const leaks: string[] = []
    let ids = await prepare()
    const before = await everythingOf(ids.victim)
    for (const route of routes) {
      const answers = await everyWay(caller, route, places, [
        ids.victim,
        ids.victim.toUpperCase(),
        vault,
        ids.own,
      ])
      for (const { path, text } of answers)
        if (text.includes(secret)) leaks.push(`${route.method} ${path}: ${text}`)
      if (answers.some((answer) => mayChange(route, answer))) ids = await prepare()
      if ((await everythingOf(ids.victim)) !== before) leaks.push(`${route.method} ${route.path} changed it`)
    }
    expect(leaks).toEqual([])
  })

  async function everyWay(
    caller: Caller,
    route: Route,
    places: (typeof victim)[],
    collections: string[],
  ): Promise<(Answered & { path: string })[]> {
    const answers = new Map<string, Answered & { path: string }>()
    for (const place of places)
      for (const collection of collections)
        for (const query of queriesFor(route, collection)) {
          const path = fill(route, place, collection, query)
          const body = bodyFor(route, collection)
          const key = `${path} ${JSON.stringify(body)}`
          if (!answers.has(key)) answers.set(key, { path, ...(await ask(caller, route.method, path, body)) })
        }
    return [...answers.values()]
  }

  async function everythingOf(id: string): Promise<string> {
    const url = `${databaseUrl(victim)}/collections`
    const include = ['documents', 'metadatas', 'embeddings']
    const records = await ask('admin', 'POST', `${url}/${id}/get`, { include })
    const { name, metadata, configuration_json } = JSON.parse(
      (await ask('admin', 'GET', `${url}/by-id/${id}`)).text,
    ) as Record<string, unknown>
    return JSON.stringify([records.text, name, metadata, configuration_json])
  }

  test('a collection’s id opens nothing through the path of another database', async () => {
    const ids = await prepare()
    for (const call of ['get', 'query', 'add', 'upsert', 'update', 'delete', 'count']) {
      const route = { method: call === 'count' ? 'GET' : 'POST', path: `/${call}` }
      for (const place of [stranger, { ...victim, database: 'side' }]) {
        const path = `${databaseUrl(place)}/collections/${ids.victim}/${call}`
        const { status } = await ask('admin', route.method, path, bodyFor(route, ids.victim))
        expect([call, status]).toEqual([call, 404])
      }
    }
  })

  test('idempotency keys of one tenant mean nothing to another', async () => {
    await prepare()
    const create = (caller: Caller, place: typeof victim, name: string) =>
      ask(
        caller,
        'POST',
        `${databaseUrl(place)}/collections`,
        { name, metadata: { text: name } },
        { 'idempotency-key': 'import-1' },
      )
    expect((await create('acme-writer', victim, 'keyed')).status).toBe(200)
    const taken = await create('other-admin', stranger, 'their-own')
    expect(taken.status).toBe(200)
    expect(JSON.parse(taken.text)).toMatchObject({ name: 'their-own', tenant: 'other' })
    expect(taken.headers.get('x-annals-count')).toBe('1')
  })
})

describe('identities', () => {
  test('are the actors of what they write; only admins write for others', async () => {
    const { victim: id } = await prepare()
    const url = `${databaseUrl(victim)}/collections/${id}`
    const put = (caller: Caller, actor?: string) =>
      ask(
        caller,
        'POST',
        `${url}/upsert`,
        { ids: ['n'], embeddings: [[1, Math.random()]] },
        {
          ...(actor !== undefined && { 'x-annals-actor': actor }),
        },
      )
    expect((await put('acme-writer')).status).toBe(200)
    expect((await put('acme-writer', 'acme-writer')).status).toBe(200)
    const refused = await put('acme-writer', 'eve')
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([
      403,
      { code: 'forbidden', fate: 'not_written' },
    ])
    expect((await put('acme-admin', 'b%C3%B6b')).status).toBe(200)
  })

  test('can be asked for', async () => {
    const told = async (caller: Caller) =>
      JSON.parse((await ask(caller, 'GET', '/api/v2/auth/identity')).text)
    await prepare()
    expect(await told('search-reader')).toEqual({
      user_id: 'search-reader',
      tenant: 'acme',
      databases: ['search'],
    })
    expect(await told('acme-admin')).toMatchObject({ user_id: 'acme-admin', tenant: 'acme' })
    expect((await told('acme-admin')).databases.sort()).toEqual(['search', 'side'])
    expect(await told('reader')).toEqual({
      user_id: 'reader',
      tenant: 'default_tenant',
      databases: ['default_database'],
    })
  })
})

describe('paths that are written otherwise', () => {
  beforeAll(prepare)

  /** As it stands, without what `fetch` would tidy up. */
  function raw(path: string): Promise<{ status: number; text: string }> {
    const { hostname, port } = new URL(server.url)
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${tokenOf('other-admin')}` }
      const asking = httpRequest({ hostname, port, path, headers }, (answer) => {
        let text = ''
        answer.on('data', (chunk) => (text += chunk))
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
      })
      asking.on('error', reject)
      asking.end()
    })
  }

  test.each([
    '/api/v2/tenants/other/../acme/databases/search/collections',
    '/api/v2/tenants/other/databases/../../acme/databases/search/collections',
    '/api/v2/tenants/other%2F..%2Facme/databases/search/collections',
    '/api/v2/tenants/%61cme/databases/search/collections',
    '/api/v2/tenants/acme%00/databases/search/collections',
    '/api/v2/tenants/ACME/databases/search/collections',
    '/api/v2/tenants/acme/databases/search/collections/',
    '//api/v2/tenants/acme/databases/search/collections',
    '/api/v2//tenants/acme/databases/search/collections',
    '/api/v2/tenants/acme;x=1/databases/search/collections',
    '/api/v2/tenants/acme/databases/search/collections?tenant=other&database=search',
    '/API/v2/tenants/acme/databases/search/collections',
    '/metrics/',
    '/./metrics',
    '/docs/../metrics',
    '/docs/static/../../metrics',
    '/docs/static/%2e%2e/%2e%2e/package.json',
  ])('%s opens nothing', async (path) => {
    const { status, text } = await raw(path)
    expect([400, 403, 404]).toContain(status)
    expect(text).not.toContain(secret)
  })
})

test('the retention of the whole store is not told to whoever is bound to a tenant', async () => {
  const path = `${databaseUrl(victim)}/retention`
  await prepare()
  await ask('admin', 'PUT', path, { retention: { history: { days: 30 } } })
  const toldTo = async (caller: Caller) =>
    JSON.parse((await ask(caller, 'GET', path)).text) as { store: unknown }
  expect((await toldTo('reader')).store).toEqual({ history: { days: 30 } })
  for (const caller of ['acme-reader', 'acme-admin', 'search-reader'] as const)
    expect((await toldTo(caller)).store).toBe(null)
})
