import { userInfo } from 'node:os'
import type { Command } from 'commander'
import type {
  Client,
  Collection,
  ImportTarget,
  Point,
  ReadableCollection,
  TransferProgress,
  Where,
  WhereDocument,
  WriteOptions,
} from '../index.ts'
import { UsageError } from './failure.ts'
import type { Interrupt } from './interrupt.ts'
import type { CreationFlags, FilterFlags, OutputFlags, PastFlags, StoreFlags, WriteFlags } from './options.ts'
import { Output } from './output.ts'
import { connect, isAuthenticated, type Opening, type Place, placeOf } from './place.ts'
import { Progress } from './progress.ts'

const uuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** Flags that a command may have been given. */
export type SessionFlags = StoreFlags & OutputFlags & PastFlags & WriteFlags

/** Which records, as the API takes it. */
export interface Filter {
  where?: Where
  whereDocument?: WhereDocument
}

/** Where records go: a collection that is looked up, or made, when it is needed. */
export interface Destination {
  readonly name: string
  collection(): Promise<ImportTarget>
}

/** What one command works with. The store is opened when it is first asked for, and closed after the command. */
export class Session {
  readonly out: Output
  readonly progress: Progress
  readonly #flags: SessionFlags
  readonly #interrupt: Interrupt
  /** Whether the command could make a store, were it told to. */
  readonly #mayCreate: boolean
  readonly #place: Place
  #client: Client | null = null

  constructor(command: Command, interrupt: Interrupt) {
    const flags = command.opts<SessionFlags>()
    const { json = false, quiet = false, color } = flags
    this.out = new Output({ json, quiet, color })
    this.progress = new Progress(this.out)
    this.#flags = flags
    this.#interrupt = interrupt
    this.#mayCreate = command.options.some((option) => option.attributeName() === 'create')
    this.#place = placeOf(command, flags)
    this.signal.addEventListener('abort', () => this.progress.close(), { once: true })
  }

  /** Fires when the command is to stop. */
  get signal(): AbortSignal {
    return this.#interrupt.signal
  }

  /** The command found something, or did not do all of it: exit code 1. */
  fail(): void {
    this.#interrupt.exitCode = 1
  }

  /** The command ends by being interrupted, which is no failure. */
  expectInterrupt(): void {
    this.#interrupt.expect()
  }

  /** The store that the options name; refused where there is none, unless `create` says how it is made. */
  async client({ create = false }: { create?: Opening['create'] } = {}): Promise<Client> {
    this.#client ??= await this.#open(create)
    return this.#client
  }

  /** A collection by name or UUID. */
  async collection(name: string): Promise<Collection> {
    const client = await this.client()
    return this.#found(
      uuid.test(name) ? client.getCollectionById({ id: name }) : client.getCollection({ name }),
    )
  }

  /** The same to write into when there is something to write; with `flags`, it is made where it is not there. */
  destination(name: string, flags: CreationFlags | null): Destination {
    let found: Promise<Collection> | undefined
    const collection = () => {
      found ??= flags === null ? this.collection(name) : this.#creatable(name, flags)
      return found
    }
    return { name, collection }
  }

  /** A collection by name, made with the store around it where it is not there. */
  async #creatable(name: string, { space }: CreationFlags): Promise<Collection> {
    const client = await this.client({ create: true })
    const configuration = { hnsw: space === undefined ? {} : { space } }
    return client.getOrCreateCollection({ name, configuration }, this.author())
  }

  /** The same to read, as of the point that `--as-of` names. */
  async readable(name: string): Promise<ReadableCollection> {
    const { asOf } = this.#flags
    if (asOf === undefined) return this.collection(name)
    const view = (await this.client()).asOf(await this.point(asOf))
    return this.#found(uuid.test(name) ? view.getCollectionById({ id: name }) : view.getCollection({ name }))
  }

  /**
   * Throws where the tenant or the database does not exist now: what is missing in them need not be told. A
   * database may have been there at the point that `--as-of` names.
   */
  async checkScope(): Promise<void> {
    const client = await this.client()
    await client.getTenant({ name: client.tenant })
    if (this.#flags.asOf === undefined) await client.getDatabase({ name: client.database })
  }

  /** A point of the past, as typed. */
  async point(text: string): Promise<Point> {
    const { parsePoint } = await import('../wire/point.ts')
    return parsePoint(text)
  }

  /** A point that means the same in every store: a position or an instant. */
  async instant(text: string): Promise<Exclude<Point, string>> {
    const point = await this.point(text)
    if (typeof point !== 'string') return point
    throw new UsageError(
      `${text} is a tag, and known only to the store that it stands in.`,
      'Name a position or an ISO 8601 time; annals tag tells the position of a tag.',
    )
  }

  /** Told by backup, restore and replay how far they are. */
  transferred(label: string): (progress: TransferProgress) => void {
    return ({ position, until }) =>
      this.progress.tell({ label, done: position, total: until, unit: 'operations' })
  }

  /** Told by what builds graphs how far it is. */
  built(label: string): (progress: { built: number; segments: number }) => void {
    return ({ built, segments }) =>
      this.progress.tell({ label, done: built, total: segments, unit: 'segments' })
  }

  /** The filter that the options ask for, as the API takes it. */
  async filter({ where, whereDocument, contains }: FilterFlags): Promise<Filter> {
    const { parseJson } = await import('../wire/json.ts')
    const read = (text: string) => parseJson(Buffer.from(text))
    const documents: WhereDocument[] = []
    if (whereDocument !== undefined) documents.push(read(whereDocument) as WhereDocument)
    if (contains !== undefined) documents.push({ $contains: contains })
    return {
      ...(where !== undefined && { where: read(where) as Where }),
      ...(documents.length === 1 && { whereDocument: documents[0]! }),
      ...(documents.length === 2 && { whereDocument: { $and: documents } }),
    }
  }

  /** What the log shall note down with a write: who, and why. A server that knows who it is needs no name. */
  author(): { actor?: string; reason?: string } {
    const { actor = isAuthenticated(this.#place) ? undefined : userName(), reason } = this.#flags
    return { ...(actor !== undefined && { actor }), ...(reason !== undefined && { reason }) }
  }

  /** The same with the key that makes repeating it harmless. */
  write(): WriteOptions {
    const { idempotencyKey } = this.#flags
    return { ...this.author(), ...(idempotencyKey !== undefined && { idempotencyKey }) }
  }

  async close(): Promise<void> {
    this.progress.end()
    await this.#client?.close()
  }

  /** A collection that was looked for. When it was not found, the tenant or the database may be what is missing. */
  async #found<Found>(looked: Promise<Found>): Promise<Found> {
    try {
      return await looked
    } catch (error) {
      if ((error as { code?: unknown }).code === 'collection_not_found') await this.checkScope()
      throw error
    }
  }

  async #open(create: Opening['create']): Promise<Client> {
    const { tenant, database } = this.#flags
    const scope = { ...(tenant !== undefined && { tenant }), ...(database !== undefined && { database }) }
    const onProgress = ({ position, head }: { position: number; head: number }) =>
      this.progress.tell({ label: 'applying the log', done: position, total: head, unit: 'operations' })
    const client = await connect(this.#place, scope, { create, mayCreate: this.#mayCreate, onProgress })
    this.progress.end()
    return client
  }
}

function userName(): string | undefined {
  try {
    return userInfo().username
  } catch {
    // A container's user need not have a name.
    return undefined
  }
}
