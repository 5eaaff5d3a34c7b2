/**
 * The Dockerfile without Docker: its steps are read and done in a clean folder, as a container engine would, and
 * what came of them is started. Left out are the steps that need an engine, root or the network: installing
 * compilers (`apt-get`), `npm ci` and `npm prune` (the folder borrows this repository's `node_modules`; instead it
 * is checked that nothing built needs a development dependency), making /data, and the change of user.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { until } from '../support/until.ts'
import { call, databasePath, newCollection } from './support.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'annals-container-'))
const running: ChildProcess[] = []
afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

interface Step {
  instruction: string
  rest: string
}

/** The steps of each stage, in order. */
function stagesOf(file: string): Step[][] {
  const lines = file
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
  const stages: Step[][] = []
  for (const line of lines) {
    const [, instruction = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
    if (instruction === 'FROM') stages.push([])
    stages.at(-1)!.push({ instruction, rest })
  }
  return stages
}

const stages = stagesOf(readFileSync(join(root, 'Dockerfile'), 'utf8'))
const last = stages.at(-1)!
const only = (instruction: string) => last.find((step) => step.instruction === instruction)!.rest
const list = (text: string) => JSON.parse(text.slice(text.indexOf('['))) as string[]

/** The environment that the image sets. */
const environment = Object.fromEntries(
  only('ENV')
    .split(' ')
    .map((pair) => pair.split('=') as [string, string]),
)

/** Does what a `RUN` step does; one that is new here must be thought of first. */
function runStep(command: string, work: string): void {
  if (/^apt-get |^npm prune|^mkdir \/data /.test(command)) return
  if (command === 'npm ci') symlinkSync(join(root, 'node_modules'), join(work, 'node_modules'), 'junction')
  else if (command === 'npm run build') {
    const { status, stdout } = spawnSync('npm', ['run', 'build'], { cwd: work, encoding: 'utf8' })
    expect(stdout).toContain('build')
    expect(status).toBe(0)
  } else throw new Error(`A step that this test does not know: ${command}`)
}

/** Copies what a `COPY` step does; from the build's context only what `.dockerignore` lets through. */
function copyStep(rest: string, work: string, built: string): void {
  const parts = rest.split(' ')
  const from = parts[0]!.startsWith('--from=') ? built : root
  const [target, ...sources] = parts.filter((part) => !part.startsWith('--')).reverse()
  for (const source of sources) {
    const name = source.replace('/app/', '')
    if (from === root) expect(letThrough).toContain(name)
    const to = target!.endsWith('/') ? join(work, target!, basename(name)) : join(work, target!)
    if (name === 'node_modules') symlinkSync(join(root, 'node_modules'), to, 'junction')
    else cpSync(join(from, name), to, { recursive: true })
  }
}

const letThrough = readFileSync(join(root, '.dockerignore'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1))

/** Builds both stages, and answers the folder of the second one. */
function build(): string {
  const works = stages.map((_, at) => join(folder, `stage-${at}`))
  stages.forEach((steps, at) => {
    mkdirSync(works[at]!)
    for (const { instruction, rest } of steps) {
      if (instruction === 'RUN') runStep(rest, works[at]!)
      if (instruction === 'COPY') copyStep(rest, works[at]!, works[0]!)
    }
  })
  return works.at(-1)!
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, done))
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

test('the image runs as nobody in particular, with a volume, a port and a sign of health', () => {
  expect(stages).toHaveLength(2)
  for (const [from] of stages) expect(from!.rest).toMatch(/^node:22-slim( AS build)?$/)
  const names = last.map(({ instruction }) => instruction)
  expect(only('USER')).toBe('node')
  expect(names.indexOf('USER')).toBeLessThan(names.indexOf('ENTRYPOINT'))
  expect(only('VOLUME')).toBe(environment.ANNALS_PATH)
  expect(only('EXPOSE')).toBe(environment.ANNALS_PORT)
  expect(environment.ANNALS_HOST).toBe('0.0.0.0')
})

test('the compose file publishes the port and keeps the data of the image', () => {
  const { services } = parse(readFileSync(join(root, 'compose.yaml'), 'utf8')) as {
    services: { annals: { ports: string[]; volumes: string[]; environment: Record<string, unknown> } }
  }
  const { ports, volumes, environment: given } = services.annals
  expect(ports).toEqual([`8000:${environment.ANNALS_PORT}`])
  expect(volumes).toEqual([`./data:${environment.ANNALS_PATH}`])
  expect(given).toEqual({ ANNALS_AUTH_TOKEN: null })
})

test('the steps build a server that starts, is well, keeps its data, and stops when told', async () => {
  const work = build()
  const port = await freePort()
  const env = {
    PATH: process.env.PATH,
    ...environment,
    ANNALS_PATH: join(folder, 'data'),
    ANNALS_PORT: String(port),
  }
  const start = async () => {
    const [command, ...options] = [...list(only('ENTRYPOINT')), ...list(only('CMD'))]
    const child = spawn(command!, options, { cwd: work, env, stdio: ['ignore', 'pipe', 'pipe'] })
    running.push(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    await until(() => output.includes('annals serves'))
    const ended = new Promise((done) => child.on('close', done))
    return {
      output: () => output,
      stop: () => {
        child.kill('SIGTERM')
        return ended
      },
    }
  }
  const isWell = () => {
    const [command, ...options] = list(only('HEALTHCHECK').split('CMD')[1]!)
    return spawnSync(command!, options, { cwd: work, env }).status === 0
  }
  const at = { url: `http://127.0.0.1:${port}` } as never

  const first = await start()
  await until(() => first.output().includes('No authentication'))
  expect(isWell()).toBe(true)
  const collection = await newCollection(at)
  await call(at, 'POST', `${collection}/add`, { ids: ['kept'], embeddings: [[1, 2]] })
  expect(await first.stop()).toBe(0)
  expect(isWell()).toBe(false)

  const second = await start()
  expect((await call(at, 'GET', `${databasePath}/collections_count`)).text).toBe('1')
  expect((await call(at, 'POST', `${collection}/get`, {})).json()).toMatchObject({ ids: ['kept'] })
  expect(await second.stop()).toBe(0)
})

test('nothing that is built needs a development dependency', () => {
  const dist = join(root, 'dist')
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
    peerDependencies: Record<string, string>
  }
  const known = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)]
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.js'),
  )
  // Statements only: not what stands in comments, texts or declarations.
  const statement = /^(?:import|export)(?: [^'"();=]+ from)? ['"]([^'"]+)['"]/gm
  const needed = files.flatMap((file) =>
    [...readFileSync(join(dist, file), 'utf8').matchAll(statement)].map(([, name]) => name!),
  )
  const packages = new Set(
    needed
      .filter((name) => !/^(\.|node:)/.test(name))
      .map((name) =>
        name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/'),
      ),
  )
  expect([...packages].filter((name) => !known.includes(name))).toEqual([])
  expect(packages.size).toBeGreaterThan(5)
})
