import type { Transaction, TransactionWrite } from '../../commands/command.ts'
import { validateWriteOptions } from '../../commands/validate.ts'
import { validateGet } from '../../readers/read-request.ts'
import type { GetResult } from '../../readers/results.ts'
import type { WriteOptions } from '../../types.ts'
import { decodeGet, encodeGet, encodeRecords } from '../../wire/records.ts'
import { shaped } from '../../wire/results.ts'
import { recordsPut, type TransactionBackend, type TransactionOwner } from '../buffered-transaction.ts'
import type { GetOptions, TransactionReceipt } from '../collection-api.ts'
import { type RemoteSession, sendWrite } from './remote-session.ts'

type Committed = Pick<TransactionReceipt, 'first_inserted_record_offset' | 'record_count'>

/** Where the transactions on a collection behind a server read and commit. */
export class RemoteTransactions implements TransactionBackend {
  readonly prepare: TransactionBackend['prepare']
  readonly #session: RemoteSession
  /** Of the collection's routes. */
  readonly #path: string
  readonly #owner: TransactionOwner

  constructor(session: RemoteSession, path: string, owner: TransactionOwner) {
    this.prepare = owner.prepare
    this.#owner = owner
    this.#session = session
    this.#path = path
  }

  async read(
    options: GetOptions | undefined,
    at: number | null,
  ): Promise<{ result: GetResult; position: number }> {
    const request = validateGet(options)
    const answer = await this.#session.transport().json({
      method: 'POST',
      path: `${this.#path}/conditional/get`,
      body: { ...encodeGet(request, options ?? {}), read_token: at },
    })
    const { read_token: position } = shaped<{ read_token: number }>(answer.body, 'records')
    return { result: decodeGet(answer.body, request.include), position }
  }

  commit(transaction: Transaction, write: WriteOptions | undefined): Promise<TransactionReceipt> {
    const { readPosition, readIds, writes } = transaction
    return this.#session.order.run(
      async () => {
        const options = validateWriteOptions(write)
        const body = { read_token: readPosition, read_ids: readIds, operations: writes.map(operationOf) }
        return { options, body, transport: this.#session.transport() }
      },
      async ({ options, body, transport }) => {
        const path = `${this.#path}/conditional/commit?partial=true`
        const written = await sendWrite(transport, { method: 'POST', path, body }, options)
        this.#owner.written(recordsPut(transaction), written.receipt)
        const { first_inserted_record_offset, record_count } = shaped<Committed>(written.body, 'a receipt')
        return { ...written.receipt, first_inserted_record_offset, record_count }
      },
    )
  }
}

function operationOf(write: TransactionWrite): object {
  const payload = write.kind === 'delete' ? { ids: write.ids } : encodeRecords(write.records)
  return { operation: write.kind, payload }
}
