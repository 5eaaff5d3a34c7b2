/**
 * Random operations on a real store, each answer judged by a plain model. A failure prints the seed and the
 * shortest list of operations that shows it: run it again with ANNALS_MODEL_SEED.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Collection, PersistentClient, type ReadableCollection, type Space } from '../../src/index.ts'
import { keepLogOnly } from '../conformance/faces.ts'
import { CollectionModel, distance, type Input, type Kind, type ModelRecord } from './model.ts'

const operations = Number(process.env.ANNALS_MODEL_OPERATIONS ?? 2_000)
const seed = Number(process.env.ANNALS_MODEL_SEED ?? Date.now() % 2 ** 31)
const perRun = 100

type Filter = { n: number } | { $ne: number } | { word: string }
type Operation =
  | { kind: 'put'; how: Kind; inputs: Input[]; awaited: boolean }
  | { kind: 'delete'; ids: string[]; awaited: boolean }
  | { kind: 'delete-where'; filter: Filter; limit: number | undefined; awaited: boolean }
  | { kind: 'get'; filter: Filter | null; back: number | null }
  | { kind: 'query'; vector: number[]; k: number; filter: Filter | null; back: number | null }
  | { kind: 'history'; id: string }
  | { kind: 'reopen'; rebuild: boolean }
  | { kind: 'flush' }

const id = fc.integer({ min: 0, max: 39 }).map((n) => `r${n}`)
const vector = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 3, maxLength: 3 })
const input: fc.Arbitrary<Input> = fc.record({
  id,
  embedding: vector,
  document: fc.option(fc.constantFrom('red apple', 'green apple', 'red car', 'x')),
  metadata: fc.option(
    fc.dictionary(fc.constantFrom('n', 'm'), fc.option(fc.integer({ min: 0, max: 3 })), { minKeys: 1 }),
  ),
})
const filter: fc.Arbitrary<Filter> = fc.oneof(
  fc.record({ n: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ $ne: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ word: fc.constantFrom('apple', 'red', 'x', 'e a') }),
)
const back = fc.option(fc.nat(400))
const awaited = fc.boolean()
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      how: fc.constantFrom<Kind>('add', 'update', 'upsert'),
      inputs: fc.uniqueArray(input, { selector: (one) => one.id, minLength: 1, maxLength: 12 }),
      awaited,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      ids: fc.uniqueArray(id, { minLength: 1, maxLength: 6 }),
      awaited,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete-where' as const),
      filter,
      limit: fc.option(fc.nat(4), { nil: undefined }),
      awaited,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('get' as const), filter: fc.option(filter), back }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('query' as const),
      vector,
      k: fc.nat(12),
      filter: fc.option(filter),
      back,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('history' as const), id }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const), rebuild: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
)

const matches = (wanted: Filter | null) => (record: ModelRecord) => {
  if (wanted === null) return true
  if ('word' in wanted) return record.document?.includes(wanted.word) ?? false
  return 'n' in wanted ? record.metadata?.n === wanted.n : record.metadata?.n !== wanted.$ne
}

function asked(wanted: Filter | null): object {
  if (wanted === null) return {}
  if ('word' in wanted) return { whereDocument: { $contains: wanted.word } }
  return { where: 'n' in wanted ? wanted : { n: { $ne: wanted.$ne } } }
}

/** The store under test and the model beside it. */
class Run {
  readonly path = mkdtempSync(join(tmpdir(), 'annals-model-'))
  client = new PersistentClient({ path: this.path })
  collection!: Collection
  model!: CollectionModel
  #pending: Promise<void>[] = []

  async start(space: Space): Promise<void> {
    const configuration = { hnsw: { space, sync_threshold: 40, batch_size: 20, num_threads: 2 } }
    this.collection = await this.client.createCollection({
      name: 'model',
      embeddingFunction: null,
      configuration,
    })
    this.model = new CollectionModel(space, 1)
  }

  async step(operation: Operation): Promise<void> {
    const { collection, model } = this
    if (operation.kind === 'put') {
      const { how, inputs } = operation
      const columns = {
        ids: inputs.map((one) => one.id),
        embeddings: inputs.map((one) => one.embedding),
        documents: inputs.map((one) => one.document),
        metadatas: inputs.map(({ metadata }) => (how === 'add' ? plain(metadata) : metadata)),
      }
      await this.#write(collection[how](columns as never), model.put(how, inputs), operation.awaited)
    } else if (operation.kind === 'delete') {
      const count = model.deleteIds(operation.ids)
      await this.#write(collection.delete({ ids: operation.ids }), count, operation.awaited)
    } else if (operation.kind === 'delete-where') {
      const { limit } = operation
      const options = { ...asked(operation.filter), ...(limit !== undefined && { limit }) }
      const count = model.deleteWhere(matches(operation.filter), limit)
      await this.#write(collection.delete(options), count, operation.awaited)
    } else {
      await this.settle()
      await this.#read(operation)
    }
  }

  async settle(): Promise<void> {
    const pending = this.#pending
    this.#pending = []
    await Promise.all(pending)
  }

  async end(): Promise<void> {
    await this.settle()
    for (const { position } of this.model.states.filter((_, index) => index % 7 === 0))
      await this.#judgeGet(position, null)
    await this.#reopen(true)
    await this.#judgeGet(null, null)
    let position = 1
    for await (const change of this.collection.changes({ after: 1 })) {
      expect(change.position).toBe(++position)
      const version = this.model.history.get(change.id!)!.find((one) => one.position === position)!
      expect({ type: change.type, after: change.after?.embedding ?? null }).toEqual({
        type: version.type,
        after: version.after?.embedding ?? null,
      })
    }
    expect(position).toBe(this.model.head)
  }

  async stop(): Promise<void> {
    await this.settle().catch(() => undefined)
    await this.client.close()
    rmSync(this.path, { recursive: true, force: true })
  }

  async #write(
    receipt: Promise<{ position: number; count: number }>,
    count: number,
    now: boolean,
  ): Promise<void> {
    const position = this.model.head
    const judged = receipt.then((got) => {
      expect({ position: got.position, count: got.count }).toEqual({ position, count })
    })
    // Judged when the group is settled; until then a failure is not unhandled.
    judged.catch(() => undefined)
    this.#pending.push(judged)
    if (now) await this.settle()
  }

  async #read(operation: Operation): Promise<void> {
    if (operation.kind === 'get') await this.#judgeGet(this.#point(operation.back), operation.filter)
    else if (operation.kind === 'query') await this.#judgeQuery(operation)
    else if (operation.kind === 'history') await this.#judgeHistory(operation.id)
    else if (operation.kind === 'reopen') await this.#reopen(operation.rebuild)
    else await this.client.flush()
  }

  #point(back: number | null): number | null {
    return back === null ? null : Math.max(1, this.model.head - back)
  }

  #view(at: number | null): { view: ReadableCollection; state: readonly ModelRecord[] } {
    if (at === null) return { view: this.collection, state: this.model.now }
    return { view: this.collection.asOf(at), state: this.model.at(at) }
  }

  async #judgeGet(at: number | null, wanted: Filter | null): Promise<void> {
    const { view, state } = this.#view(at)
    const got = await view.get({ ...asked(wanted), include: ['embeddings', 'documents', 'metadatas'] })
    const rows = got.rows().map(({ uri, ...row }) => row)
    expect(rows).toEqual(state.filter(matches(wanted)))
    expect(await view.count()).toBe(state.length)
  }

  async #judgeQuery({ vector, k, filter, back }: Extract<Operation, { kind: 'query' }>): Promise<void> {
    const { view, state } = this.#view(this.#point(back))
    const { space } = this.model
    const found = await view.query({ queryEmbeddings: [vector], nResults: k, ...asked(filter) })
    const all = new Map(
      state.filter(matches(filter)).map((one) => [one.id, distance(space, vector, one.embedding)]),
    )
    const nearest = [...all.values()].sort((a, b) => a - b).slice(0, k)
    const distances = found.distances![0]!
    expect(distances).toHaveLength(nearest.length)
    expect(new Set(found.ids[0]).size).toBe(nearest.length)
    // Ties may stand in any order; each must be as near as it says, and as near as the best.
    found.ids[0]!.forEach((one, index) => {
      expect(Math.abs(distances[index]! - all.get(one)!)).toBeLessThan(1e-5)
      expect(Math.abs(distances[index]! - nearest[index]!)).toBeLessThan(1e-5)
    })
  }

  async #judgeHistory(one: string): Promise<void> {
    const told: object[] = []
    for await (const { position, type, before, after } of this.collection.history(one))
      told.push({ position, type, before: image(before), after: image(after) })
    const known = this.model.history.get(one) ?? []
    expect(told).toEqual(
      known.map((each) => ({ ...each, before: image(each.before), after: image(each.after) })),
    )
  }

  async #reopen(rebuild: boolean): Promise<void> {
    await this.client.close()
    if (rebuild) keepLogOnly(this.path)
    this.client = new PersistentClient({ path: this.path })
    this.collection = await this.client.getCollection({ name: 'model', embeddingFunction: null })
  }
}

function plain(metadata: Input['metadata']): object | null {
  return metadata && Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== null))
}

function image(record: Omit<ModelRecord, 'id'> | null): object | null {
  return record && { embedding: record.embedding, document: record.document, metadata: record.metadata }
}

test(`${operations} random operations answer as the model does (seed ${seed})`, {
  timeout: operations * 300,
}, async () => {
  const list = fc.array(operation, { minLength: perRun, maxLength: perRun, size: 'max' })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom<Space>('l2', 'cosine', 'ip'), list, async (space, steps) => {
      const run = new Run()
      try {
        await run.start(space)
        for (const step of steps) await run.step(step)
        await run.end()
      } finally {
        await run.stop()
      }
    }),
    {
      seed,
      numRuns: Math.ceil(operations / perRun),
      interruptAfterTimeLimit: operations * 250,
      endOnFailure: false,
    },
  )
})
