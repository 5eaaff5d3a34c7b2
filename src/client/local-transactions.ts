import type { Transaction } from '../commands/command.ts'
import { validateWriteOptions } from '../commands/validate.ts'
import { writtenIds } from '../commands/validate-transaction.ts'
import { AnnalsError } from '../errors.ts'
import { resolvePoint } from '../readers/as-of.ts'
import { validateGet } from '../readers/read-request.ts'
import type { GetResult } from '../readers/results.ts'
import type { Store } from '../store.ts'
import type { WriteOptions } from '../types.ts'
import { getAnswer } from './answers.ts'
import { recordsPut, type TransactionBackend, type TransactionOwner } from './buffered-transaction.ts'
import type { GetOptions, TransactionReceipt } from './collection-api.ts'
import type { Session } from './session.ts'

/** Where the transactions on a collection of a store in this process read and commit. */
export class LocalTransactions implements TransactionBackend {
  readonly prepare: TransactionBackend['prepare']
  readonly #session: Session
  readonly #collection: string
  readonly #owner: TransactionOwner

  constructor(session: Session, collection: string, owner: TransactionOwner) {
    this.#session = session
    this.#collection = collection
    this.#owner = owner
    this.prepare = owner.prepare
  }

  async read(
    options: GetOptions | undefined,
    at: number | null,
  ): Promise<{ result: GetResult; position: number }> {
    const request = validateGet(options)
    const store = await this.#session.store()
    const position = at ?? store.projector.position
    try {
      if (at !== null) await checkReadable(store, at)
      const result = await store.reader.get(this.#collection, request, position)
      return { result: getAnswer(result, this.#session.form), position }
    } catch (error) {
      if (error instanceof AnnalsError && error.code === 'history_truncated') throw staleRead(position, error)
      throw error
    }
  }

  commit(transaction: Transaction, write: WriteOptions | undefined): Promise<TransactionReceipt> {
    const { readPosition, writes } = transaction
    return this.#session.order.run(
      async () => {
        const options = validateWriteOptions(write)
        const store = await this.#session.store()
        if (readPosition !== null) await checkReadable(store, readPosition)
        const command = { kind: 'transaction' as const, collection: this.#collection, ...transaction }
        return { store, request: { command, options } }
      },
      async ({ store, request }) => {
        const { receipt } = await store.writer.submit(request)
        this.#owner.written(recordsPut(transaction), receipt)
        const { position, count } = receipt
        return {
          ...receipt,
          first_inserted_record_offset: count === 0 ? null : position - count + 1,
          record_count: writes.reduce((sum, one) => sum + writtenIds(one).length, 0),
        }
      },
    )
  }
}

/** A position that a read answered is the end of a commit; what is none was not read. */
async function checkReadable(store: Store, position: number): Promise<void> {
  const resolved = await resolvePoint(store.log, store.projector.position, position)
  if (position === 0 || resolved !== position) throw staleRead(position)
}

function staleRead(position: number, cause?: AnnalsError): AnnalsError {
  return new AnnalsError(
    'stale_read',
    `The transaction reads at position ${position}, which can no longer be read.`,
    {
      fate: 'not_written',
      hint: 'Begin a new transaction; `run` does so by itself.',
      ...(cause !== undefined && { cause }),
    },
  )
}
