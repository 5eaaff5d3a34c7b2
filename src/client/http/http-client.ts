import { checkHttpOptions, type HttpClientOptions } from './http-client-options.ts'
import { RemoteClient } from './remote-client.ts'
import { Transport } from './transport.ts'

/**
 * A store behind an annals server: everything that the clients of a store in this process can do.
 *
 * Nothing happens before the first call (or `open`). Reads, and writes under their idempotency key, which each gets
 * if none is given, are repeated when the connection fails or the server is too busy. Unawaited writes are sent one
 * after the other, in the order of their calls. Embedding functions run here, not on the server.
 *
 * Errors beside those of the store: `connection_failed`, `connection_lost`, `timed_out`, `answer_invalid`,
 * `unauthorized`, `forbidden`.
 *
 * @example
 * const client = new HttpClient({ host: 'localhost', port: 8000 })
 * const notes = await client.getOrCreateCollection({ name: 'notes' })
 * await notes.add({ ids: ['a'], documents: ['first thought'] })
 * await client.close()
 */
export class HttpClient extends RemoteClient {
  constructor(options: HttpClientOptions = {}) {
    const { address, scope } = checkHttpOptions(options)
    super(new Transport(address), scope, true)
  }
}
