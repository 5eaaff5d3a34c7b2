/** One run: a store in a folder, the model beside it, and every answer compared. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import {
  type Collection,
  PersistentClient,
  type ReadableCollection,
  type Space,
  type WriteReceipt,
} from '../../src/index.ts'
import { keepLogOnly } from '../conformance/faces.ts'
import { all, changing, fold, inputOf, judgeVersions, plain, readById, refused } from './judging.ts'
import { type CollectionModel, distance, type ModelRecord, type Version } from './model.ts'
import {
  type Ago,
  asked,
  type Filter,
  matches,
  type Operation,
  type Other,
  type Query,
  type Read,
  type Write,
} from './operations.ts'
import { type Entry, StoreModel } from './store-model.ts'

type Receipt = Pick<WriteReceipt, 'position' | 'count' | 'committedAt'>

const none = { embeddingFunction: null }
const include = ['embeddings' as const, 'documents' as const, 'metadatas' as const]

export class Run {
  readonly model = new StoreModel()
  readonly path: string = mkdtempSync(join(tmpdir(), 'annals-model-'))
  readonly #space: Space
  /** Handles of the live collections, by UUID. */
  readonly #handles = new Map<string, Collection>()
  readonly #times = new Map<number, Date>()
  #client = new PersistentClient({ path: this.path })
  #pending: Promise<void>[] = []

  constructor(space: Space) {
    this.#space = space
  }

  async step(operation: Operation): Promise<void> {
    if (operation.kind === 'put' || operation.kind === 'delete' || operation.kind === 'delete-where')
      return this.#write(operation)
    await this.settle()
    if ('ago' in operation || operation.kind === 'history') await this.#read(operation)
    else await this.#other(operation)
  }

  /** Waits for the writes under way, and judges their receipts. */
  async settle(): Promise<void> {
    const pending = this.#pending
    this.#pending = []
    await Promise.all(pending)
  }

  /** Judges the past, the store rebuilt from its log, and the log itself. `numbers` choose the points. */
  async end(numbers: readonly number[]): Promise<void> {
    await this.settle()
    const { head } = this.model.clock
    const points = [head, ...numbers.map((number) => number % (head + 1))]
    for (const rebuild of [false, true]) {
      if (rebuild) await this.#reopen(true)
      for (const point of points) {
        await this.#judgeList({ point, at: this.model.clock.resolve(point) })
        for (const model of this.model.everCreated) await this.#judgeAt(model, point)
      }
      for (const { model } of this.model.live) await this.#judgeGet(model, null, null)
    }
    await this.#judgeLog(points)
    expect((await this.#client.stats()).head).toBe(head)
  }

  async stop(): Promise<void> {
    await this.settle().catch(() => undefined)
    await this.#client.close()
    rmSync(this.path, { recursive: true, force: true })
  }

  async #write(operation: Write): Promise<void> {
    const { id, model } = await this.#entry(operation.which)
    const handle = this.#handles.get(id)!
    if (operation.kind === 'put') {
      const { how, rows } = operation
      const inputs = rows.map((row) => inputOf(row, how, model))
      const columns = {
        ids: inputs.map((one) => one.id),
        embeddings: inputs.map((one) => one.embedding),
        documents: inputs.map((one) => one.document),
        metadatas: inputs.map(({ metadata }) => (how === 'add' ? plain(metadata) : metadata)),
      }
      this.#expect(handle[how](columns as never), model.put(how, inputs))
    } else if (operation.kind === 'delete') {
      this.#expect(handle.delete({ ids: operation.ids }), model.deleteIds(operation.ids))
    } else {
      const { filter, limit } = operation
      const options = { ...asked(filter), ...(limit !== undefined && { limit }) }
      this.#expect(handle.delete(options), model.deleteWhere(matches(filter), limit))
    }
    if (operation.awaited) await this.settle()
  }

  /** The model has taken the write already; the receipt is judged when the group is settled. */
  #expect(receipt: Promise<Receipt>, count: number): void {
    const position = this.model.clock.head
    const judged = receipt.then((got) => {
      expect({ position: got.position, count: got.count }).toEqual({ position, count })
      // A write that changes nothing names the position before it, and the time of that one.
      expect(got.committedAt).toEqual(this.#times.get(position) ?? got.committedAt)
      this.#times.set(position, got.committedAt)
    })
    // Until then a failure is not unhandled.
    judged.catch(() => undefined)
    this.#pending.push(judged)
  }

  async #read(operation: Read): Promise<void> {
    if (operation.kind === 'list') return this.#judgeList(this.#point(operation.ago))
    const { which } = operation
    if (operation.kind === 'history') {
      const { id, model } = await this.#entry(which)
      return this.#judgeHistory(this.#handles.get(id)!, operation.id, model.history.get(operation.id) ?? [])
    }
    const { everCreated } = this.model
    const model =
      operation.ago === null ? (await this.#entry(which)).model : everCreated[which % everCreated.length]
    if (model === undefined) return
    const point = this.#point(operation.ago)
    if (operation.kind === 'get') await this.#judgeGet(model, point, operation.filter)
    else await this.#judgeQuery(model, point, operation)
  }

  async #other(operation: Other): Promise<void> {
    const client = this.#client
    const { model } = this
    switch (operation.kind) {
      case 'create':
        return this.#create(operation.name)
      case 'modify': {
        const { id } = await this.#entry(operation.which)
        const { name, metadata } = operation
        const changes = { name, ...(metadata !== undefined && { metadata }) }
        const taken = model.named(name) !== undefined && model.named(name)!.id !== id
        const receipt = this.#handles.get(id)!.modify(changes)
        if (taken) return refused(receipt, 'collection_exists')
        this.#expect(receipt, model.modify(id, changes))
        return this.settle()
      }
      case 'drop': {
        const { id, name } = await this.#entry(operation.which)
        const handle = this.#handles.get(id)!
        this.#handles.delete(id)
        const receipt = client.deleteCollection({ name })
        model.drop(id)
        this.#expect(receipt, 1)
        await this.settle()
        await refused(handle.add({ ids: ['late'], embeddings: [[1, 2, 3]] }), 'collection_not_found')
        return refused(handle.get(), 'collection_not_found')
      }
      case 'tag': {
        const at = Math.max(0, model.clock.head - operation.back)
        const receipt = client.tag(operation.name, at)
        if (model.tags.has(operation.name)) return refused(receipt, 'tag_exists')
        model.tag(operation.name, at)
        this.#expect(receipt, 1)
        await this.settle()
        const told = new Map((await client.listTags()).map(({ name, position }) => [name, position]))
        return expect(told).toEqual(model.tags)
      }
      case 'untag': {
        const receipt = client.deleteTag(operation.name)
        if (!model.tags.has(operation.name)) return refused(receipt, 'tag_not_found')
        model.untag(operation.name)
        this.#expect(receipt, 1)
        return this.settle()
      }
      case 'retain': {
        const { which, versions } = operation
        const collection = which === null ? null : (await this.#entry(which)).id
        const receipt = client.setRetention(
          { history: versions === null ? 'forever' : { versions } },
          collection === null ? {} : { collection },
        )
        model.retain(collection, versions)
        this.#expect(receipt, 1)
        return this.settle()
      }
      case 'vacuum': {
        const { versions, horizons } = await client.vacuum()
        return expect({ versions, horizons }).toEqual(model.vacuum())
      }
      case 'erase': {
        const { id, model: erased } = await this.#entry(operation.which)
        const { ids, forks } = operation
        const receipt = client.erase({ collection: id, ids, forks }).then((erasure) => erasure.receipt)
        const count = model.erase(erased, ids, forks)
        if (count === null) return refused(receipt, 'conflict')
        this.#expect(receipt, count)
        return this.settle()
      }
      case 'fork':
        return this.#fork(operation.which, operation.name)
      case 'reopen':
        return this.#reopen(operation.rebuild)
      default:
        return client.flush()
    }
  }

  /** A live collection; makes one where there is none. */
  async #entry(which: number): Promise<Entry> {
    if (this.model.live.length === 0) {
      await this.settle()
      await this.#create('one')
    }
    const { live } = this.model
    return live[which % live.length]!
  }

  async #create(name: string): Promise<void> {
    const space = this.#space
    const hnsw = { space, sync_threshold: 40, batch_size: 20, num_threads: 2 }
    const creating = this.#client.createCollection({
      name,
      metadata: { m: 9 },
      configuration: { hnsw },
      ...none,
    })
    if (this.model.named(name) !== undefined) return refused(creating, 'collection_exists')
    const handle = await creating
    this.#handles.set(handle.id, handle)
    this.model.create(handle.id, name, { m: 9 }, space)
    const { head, committedAt } = await this.#client.stats()
    expect(head).toBe(this.model.clock.head)
    this.#times.set(head, committedAt)
  }

  async #fork(which: number, name: string): Promise<void> {
    const { id, model: source } = await this.#entry(which)
    const forking = this.#handles.get(id)!.fork({ name })
    if (this.model.named(name) !== undefined) return refused(forking, 'collection_exists')
    const handle = await forking
    this.#handles.set(handle.id, handle)
    this.model.fork(id, handle.id, name)
    const { head, committedAt } = await this.#client.stats()
    expect(head).toBe(this.model.clock.head)
    this.#times.set(head, committedAt)
    expect(await handle.forkCount()).toBe(this.model.forksOf(source))
  }

  /** What to hand to `asOf`, and the position that it stands for. */
  #point(ago: Ago): { point: number | Date | string; at: number } | null {
    if (ago === null) return null
    const { clock, tags } = this.model
    const point = Math.max(0, clock.head - ago.back)
    const at = clock.resolve(point)
    const time = this.#times.get(at)
    if (ago.by === 'date' && time !== undefined) {
      const newest = [...this.#times].filter(([, one]) => one <= time).map(([position]) => position)
      return { point: time, at: Math.max(...newest) }
    }
    const [tag] = tags
    return ago.by === 'tag' && tag !== undefined ? { point: tag[0], at: tag[1] } : { point, at }
  }

  async #judgeAt(model: CollectionModel, point: number): Promise<void> {
    await this.#judgeGet(model, { point, at: this.model.clock.resolve(point) }, null)
  }

  /** The collection as of a point, and the state that it must show; the code where it must not be read. */
  async #view(
    model: CollectionModel,
    when: { point: number | Date | string; at: number } | null,
  ): Promise<{ view: ReadableCollection; state: readonly ModelRecord[] } | null> {
    const handle = this.#handles.get(model.id)
    if (when === null) return { view: handle!, state: model.now }
    const { point, at } = when
    const asOf = this.#client.asOf(point)
    const entry = this.model.catalogAt(at).find(({ id }) => id === model.id)
    const code = entry === undefined ? 'collection_not_found' : 'history_truncated'
    if (entry === undefined || at < model.horizon) {
      await refused(handle?.asOf(point).get() ?? readById(asOf, model.id), code)
      await refused(
        handle?.asOf(point).query({ queryEmbeddings: [[1, 2, 3]] }) ?? readById(asOf, model.id),
        code,
      )
      return null
    }
    const { name, metadata } = entry
    const view = await asOf.getCollection({ name, ...none })
    expect({ id: view.id, metadata: view.metadata }).toEqual({ id: model.id, metadata })
    return { view: at % 2 === 0 && handle ? handle.asOf(point) : view, state: model.at(at) }
  }

  async #judgeList(when: { point: number | Date | string; at: number } | null): Promise<void> {
    const client = when === null ? this.#client : this.#client.asOf(when.point)
    const entries = when === null ? this.model.live : this.model.catalogAt(when.at)
    const told = (await client.listCollections()).map(({ id, name, metadata }) => ({ id, name, metadata }))
    expect(told).toEqual(entries.map(({ id, name, metadata }) => ({ id, name, metadata })))
    expect(await client.countCollections()).toBe(entries.length)
  }

  async #judgeGet(
    model: CollectionModel,
    when: { point: number | Date | string; at: number } | null,
    wanted: Filter | null,
  ): Promise<void> {
    const known = await this.#view(model, when)
    if (known === null) return
    const got = await known.view.get({ ...asked(wanted), include })
    expect(got.rows().map(({ uri, ...row }) => row)).toEqual(known.state.filter(matches(wanted)))
    expect(await known.view.count()).toBe(known.state.length)
  }

  async #judgeQuery(
    model: CollectionModel,
    when: { point: number | Date | string; at: number } | null,
    { vector, k, filter }: Query,
  ): Promise<void> {
    const known = await this.#view(model, when)
    if (known === null) return
    const found = await known.view.query({ queryEmbeddings: [vector], nResults: k, ...asked(filter) })
    const admitted = known.state.filter(matches(filter))
    const far = new Map(admitted.map((one) => [one.id, distance(model.space, vector, one.embedding)]))
    const nearest = [...far.values()].sort((a, b) => a - b).slice(0, k)
    const distances = found.distances![0]!
    expect(distances).toHaveLength(nearest.length)
    expect(new Set(found.ids[0]).size).toBe(nearest.length)
    // Ties may stand in any order; each must be as near as it says, and as near as the best.
    found.ids[0]!.forEach((one, index) => {
      expect(Math.abs(distances[index]! - far.get(one)!)).toBeLessThan(1e-5)
      expect(Math.abs(distances[index]! - nearest[index]!)).toBeLessThan(1e-5)
    })
  }

  async #judgeHistory(handle: Collection, id: string, known: readonly Version[]): Promise<void> {
    judgeVersions(await all(handle.history(id)), known)
  }

  /** The log told again: every change as the model knows it, and their fold is every state that can be read. */
  async #judgeLog(points: readonly number[]): Promise<void> {
    const changes = await all(this.#client.changes({ after: 0 }))
    for (const model of this.model.everCreated) {
      const mine = changes.filter(({ collection, id }) => collection === model.id && id !== null)
      for (const [id, known] of model.history) judgeVersions(mine.filter(changing(id)), known)
      for (const point of points.map((one) => this.model.clock.resolve(one))) {
        const isThere = this.model.catalogAt(point).some(({ id }) => id === model.id)
        if (!isThere || point < model.horizon) continue
        expect(fold(mine.filter(({ position }) => position <= point))).toEqual(model.at(point))
      }
    }
  }

  async #reopen(rebuild: boolean): Promise<void> {
    await this.#client.close()
    if (rebuild) keepLogOnly(this.path)
    this.#client = new PersistentClient({ path: this.path })
    for (const { id, name } of this.model.live)
      this.#handles.set(id, await this.#client.getCollection({ name, ...none }))
  }
}
