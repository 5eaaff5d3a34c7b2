/** Decodes the row groups of a Parquet file, one for each message; see `parquet-reader.ts`. */
import { isUtf8 } from 'node:buffer'
import { type FileHandle, open } from 'node:fs/promises'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { messageOf, show } from '../errors.ts'
import type { ParquetAnswer, ParquetGroup } from './parquet-reader.ts'

interface ReadTask {
  task: 'annals:read-parquet'
  path: string
}

const known: readonly string[] = ['id', 'document', 'uri', 'metadata', 'embedding']

/** What pandas leaves behind when it writes a frame with its index. */
const ignored: ReadonlySet<string> = new Set(['__index_level_0__'])

/** Row groups beyond are no file's that this memory could hold. */
const rowsMax = 10_000_000

/** The columns are not those of records. */
class WrongColumns extends Error {}

class GroupReader {
  readonly #path: string
  #handle: FileHandle | null = null
  #file: AsyncBuffer | null = null
  #metadata: FileMetaData | null = null
  #group = 0
  #rowStart = 0
  #bytes = 0

  constructor(path: string) {
    this.#path = path
  }

  async next(): Promise<ParquetAnswer> {
    try {
      this.#file ??= await this.#open()
      this.#metadata ??= checkSchema(await parquetMetadataAsync(this.#file))
      const group = this.#metadata.row_groups[this.#group++]
      if (group === undefined) return { end: true }
      return { group: await this.#read(this.#file, this.#metadata, Number(group.num_rows)) }
    } catch (error) {
      if (!(error instanceof WrongColumns)) return { problem: messageOf(error) }
      return {
        problem: error.message,
        hint: `Known are: ${known.join(', ')}. Put others into the JSON of metadata.`,
      }
    }
  }

  async #open(): Promise<AsyncBuffer> {
    this.#handle = await open(this.#path, 'r')
    const handle = this.#handle
    const { size: byteLength } = await handle.stat()
    return {
      byteLength,
      slice: async (start: number, end: number = byteLength): Promise<ArrayBuffer> => {
        // A damaged footer names places that are not there.
        if (!(start >= 0 && end >= start && end <= byteLength)) throw new RangeError('it ends too early')
        const bytes = new Uint8Array(end - start)
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
        this.#bytes += bytesRead
        return bytes.buffer
      },
    }
  }

  /** Column by column: hyparquet starts them all at once, and when one fails, another's failure is nobody's. */
  async #read(file: AsyncBuffer, metadata: FileMetaData, rows: number): Promise<ParquetGroup> {
    if (!(rows >= 0 && rows <= rowsMax)) throw new Error(`a row group of ${rows} rows`)
    const range = { rowStart: this.#rowStart, rowEnd: this.#rowStart + rows }
    this.#rowStart = range.rowEnd
    this.#bytes = 0
    const columns: Record<string, unknown[]> = {}
    for (const column of columnsOf(metadata)) {
      const options = { file, metadata, ...range, columns: [column], parsers }
      const values: Record<string, unknown>[] = rows === 0 ? [] : await parquetReadObjects(options)
      if (values.length !== rows)
        throw new Error(`the column ${column} has ${values.length} values for ${rows} rows`)
      columns[column] = values.map((row) => packed(row[column]))
    }
    return { rows, columns, bytes: this.#bytes }
  }
}

/** Numbers travel between threads ten times faster in one piece. Other values are left as they are, and refused later. */
function packed(value: unknown): unknown {
  if (!Array.isArray(value) || value.length === 0) return value
  return value.every((entry) => typeof entry === 'number') ? Float32Array.from(value) : value
}

/** Text bit for bit: hyparquet's own way drops a byte order mark, and puts question marks for what is no UTF-8. */
const parsers = {
  stringFromBytes(bytes: Uint8Array | undefined): string | undefined {
    if (bytes === undefined) return undefined
    if (!isUtf8(bytes)) throw new Error('a text is not valid UTF-8')
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  },
}

function checkSchema(metadata: FileMetaData): FileMetaData {
  const names = columnsOf(metadata)
  const unknown = names.find((column) => !known.includes(column))
  if (unknown !== undefined) throw new WrongColumns(`the column ${show(unknown)} is not known`)
  if (!names.includes('id')) throw new WrongColumns('it has no column "id"')
  return metadata
}

/** The names of the columns at the top. The schema is a tree in preorder; each node says how many children it has. */
function columnsOf({ schema }: FileMetaData): string[] {
  const names: string[] = []
  let inside = 0
  for (const { name, num_children = 0 } of schema.slice(1)) {
    if (inside === 0) names.push(name)
    else inside -= 1
    inside += num_children
  }
  return names.filter((name) => !ignored.has(name))
}

const task = workerData as ReadTask | null
if (!isMainThread && task?.task === 'annals:read-parquet') {
  const reader = new GroupReader(task.path)
  parentPort?.on('message', async () => parentPort?.postMessage(await reader.next()))
}
