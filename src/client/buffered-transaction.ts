import type { PutCommand, RecordInput, Transaction, TransactionWrite } from '../commands/command.ts'
import { checkTransaction } from '../commands/validate-transaction.ts'
import { AnnalsError, show } from '../errors.ts'
import { validateGet } from '../readers/read-request.ts'
import type { GetResult } from '../readers/results.ts'
import type { WriteOptions, WriteReceipt } from '../types.ts'
import { checkIds, checkInteger, checkKeys, checkObject, invalid } from '../validation/values.ts'
import type {
  AddRecords,
  ConditionalTransaction,
  GetOptions,
  PutRecords,
  RunOptions,
  TransactionReceipt,
} from './collection-api.ts'

/** Where a transaction reads and commits: a store in this process, or a server. */
export interface TransactionBackend {
  /** Reads at a position, or at the newest one, which is answered. Error: `stale_read`. */
  read(options: GetOptions | undefined, at: number | null): Promise<{ result: GetResult; position: number }>
  /** Checks records, and makes vectors for their documents. */
  prepare(kind: PutCommand['kind'], records: unknown): Promise<RecordInput[]>
  commit(transaction: Transaction, write: WriteOptions | undefined): Promise<TransactionReceipt>
}

/** The collection of a transaction. */
export interface TransactionOwner {
  prepare: TransactionBackend['prepare']
  /** Told of the records that a commit has put. */
  written(records: readonly RecordInput[], receipt: WriteReceipt): void
}

/** The records that a transaction puts. */
export function recordsPut({ writes }: Transaction): RecordInput[] {
  return writes.flatMap((write) => (write.kind === 'delete' ? [] : write.records))
}

/** Errors after which a transaction may succeed when it is run again. */
const passing: readonly string[] = ['conflict', 'stale_read', 'busy']

/**
 * A transaction that keeps its writes until it hands them in together; nothing is locked meanwhile.
 *
 * What holds:
 * - All reads see one position, that of the first.
 * - A record is written at most once, and not read after it was written.
 * - Calls take effect in their order, awaited or not. A call that was refused leaves no trace.
 */
export class BufferedTransaction implements ConditionalTransaction {
  readonly #backend: TransactionBackend
  /** Ids whose newest operation record must still be the one that was seen, there or not. */
  readonly #read = new Set<string>()
  readonly #present = new Set<string>()
  readonly #absent = new Set<string>()
  readonly #written = new Set<string>()
  readonly #writes: TransactionWrite[] = []
  #position: number | null = null
  #isClosed = false
  #isRunning = false
  #last: Promise<unknown> = Promise.resolve()
  #passingError: unknown

  constructor(backend: TransactionBackend) {
    this.#backend = backend
  }

  get(options?: GetOptions): Promise<GetResult> {
    return this.#inTurn(async () => {
      const request = validateGet(options)
      const { ids, filter, limit, offset } = request
      for (const id of ids ?? []) this.#checkUnwritten(id)
      if (ids === null && (limit === null || limit === 0))
        throw invalid('limit', 'a read without ids must have a limit above 0 in a transaction', limit)
      const { result, position } = await this.#backend.read(options, this.#position)
      for (const id of result.ids) this.#checkUnwritten(id)
      this.#position = position
      // What a filter, a limit or an offset left out may be there all the same.
      this.#note(ids ?? [], result.ids, filter === null && limit === null && offset === 0)
      return result
    })
  }

  add(records: AddRecords): Promise<void> {
    return this.#put('add', records)
  }

  update(records: PutRecords): Promise<void> {
    return this.#put('update', records)
  }

  upsert(records: PutRecords): Promise<void> {
    return this.#put('upsert', records)
  }

  delete(selection: { ids: string[] }): Promise<void> {
    return this.#inTurn(async () => {
      const given = checkObject(selection, 'delete')
      checkKeys(given, ['ids'], 'delete')
      const ids = checkIds(given.ids)
      if (ids.length === 0) throw invalid('ids', 'must name at least one record', given.ids)
      this.#keep({ kind: 'delete', ids }, ids)
    })
  }

  commit(write?: WriteOptions): Promise<TransactionReceipt> {
    return this.#inTurn(() => {
      if (this.#isRunning) throw notInside('commit')
      return this.#commit(write)
    })
  }

  async run<T>(
    callback: (transaction: ConditionalTransaction) => T | Promise<T>,
    options: RunOptions | number = {},
    write?: WriteOptions,
  ): Promise<T> {
    if (this.#isRunning) throw notInside('run')
    const retries = maxRetriesOf(options)
    for (let attempt = 0; ; attempt++) {
      const one = attempt === 0 ? this : new BufferedTransaction(this.#backend)
      try {
        return await one.#runOnce(callback, write)
      } catch (error) {
        // What the callback threw by itself is its own affair.
        if (error !== one.#passingError || attempt >= retries) throw error
      }
    }
  }

  async #runOnce<T>(
    callback: (transaction: ConditionalTransaction) => T | Promise<T>,
    write: WriteOptions | undefined,
  ): Promise<T> {
    this.#isRunning = true
    try {
      const value = await callback(this)
      await this.#inTurn(() => this.#commit(write))
      return value
    } finally {
      this.#isRunning = false
    }
  }

  async #commit(write: WriteOptions | undefined): Promise<TransactionReceipt> {
    const isEmpty = this.#writes.length === 0
    const transaction = {
      readPosition: isEmpty ? null : this.#position,
      readIds: isEmpty ? [] : [...this.#read],
      writes: [...this.#writes],
    }
    checkTransaction(transaction)
    const receipt = await this.#backend.commit(transaction, write)
    this.#isClosed = true
    return receipt
  }

  #put(kind: PutCommand['kind'], args: unknown): Promise<void> {
    return this.#inTurn(async () => {
      const records = await this.#backend.prepare(kind, args)
      this.#keep(
        { kind, records },
        records.map(({ id }) => id),
      )
    })
  }

  #keep(write: TransactionWrite, ids: readonly string[]): void {
    const needed = write.kind === 'add' ? this.#absent : write.kind === 'upsert' ? null : this.#present
    for (const id of ids) {
      if (this.#written.has(id)) throw refused(`the transaction writes ${show(id)} already.`)
      if (needed?.has(id) === false)
        throw refused(
          `${write.kind} needs a read before it that shows that ${show(id)} is ${write.kind === 'add' ? 'not there' : 'there'}.`,
        )
    }
    for (const id of ids) this.#written.add(id)
    this.#writes.push(write)
  }

  #note(asked: readonly string[], found: readonly string[], isWhole: boolean): void {
    for (const id of [...asked, ...found]) this.#read.add(id)
    for (const id of found) this.#present.add(id)
    if (isWhole) for (const id of asked) if (!this.#present.has(id)) this.#absent.add(id)
  }

  #checkUnwritten(id: string): void {
    if (this.#written.has(id)) throw refused(`${show(id)} cannot be read after it was written.`)
  }

  /** Runs after all earlier calls have ended, however they did. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => {
      if (this.#isClosed) throw refused('the transaction is closed.')
      try {
        return await run()
      } catch (error) {
        if (error instanceof AnnalsError && passing.includes(error.code)) this.#passingError = error
        throw error
      }
    })
    this.#last = result.catch(() => undefined)
    return result
  }
}

function maxRetriesOf(options: RunOptions | number): number {
  if (typeof options === 'number') return checkInteger(options, 'maxRetries', 0)
  checkKeys(checkObject(options, 'run'), ['maxRetries'], 'run')
  return options.maxRetries == null ? 3 : checkInteger(options.maxRetries, 'maxRetries', 0)
}

function notInside(method: string): AnnalsError {
  return refused(`${method} cannot be called inside of run, which commits by itself.`)
}

function refused(what: string): AnnalsError {
  return new AnnalsError('invalid_argument', `conditional: ${what}`, { fate: 'not_written' })
}
