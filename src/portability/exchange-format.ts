import type { ByteSource } from './byte-source.ts'
import type { RawRow } from './exchange-record.ts'
import type { Selection } from './selection.ts'

/** One file format: how records become bytes, and bytes records. */
export interface ExchangeFormat {
  /** How often an export reads the records. */
  passes(selection: Selection): number
  encode(selection: Selection): AsyncIterable<string | Uint8Array>
  /** Rows in the order of the source. Throws `import_failed` where reading cannot go on. */
  decode(source: ByteSource): AsyncIterable<RawRow>
}
