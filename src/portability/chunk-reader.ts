import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { messageOf } from '../errors.ts'
import { fileBytes } from '../files.ts'
import { backupDamaged, type ChunkEntry, ItemReader } from '../format/backup-file.ts'
import { inspectFrame } from '../format/operation-record.ts'
import type { LogFrame } from '../log/operation-log.ts'

/**
 * The frames of one chunk, each checked. The file's size and digest are checked before anything of it is used;
 * whatever does not fit throws `backup_damaged` with the file's name.
 */
export async function* readChunk(folder: string, entry: ChunkEntry): AsyncGenerator<LogFrame, void> {
  const path = join(folder, entry.file)
  await checkFile(path, entry)
  let next = entry.first
  try {
    for await (const items of itemsOf(path, entry))
      for (const { position, bytes } of items) {
        if (position !== next || position > entry.last)
          throw new RangeError(`position ${position} follows ${next - 1}`)
        next += 1
        yield { position, bytes, ...inspectFrame(position, bytes) }
      }
  } catch (error) {
    throw damagedChunk(path, messageOf(error), error)
  }
  if (next !== entry.last + 1) throw damagedChunk(path, `it ends at position ${next - 1}`)
}

/** Compares size and digest of a chunk with what the manifest says. */
async function checkFile(path: string, entry: ChunkEntry): Promise<void> {
  const bytes = fileBytes(path)
  if (bytes === null) throw damagedChunk(path, 'it is missing')
  if (bytes !== entry.bytes) throw damagedChunk(path, `it has ${bytes} bytes instead of ${entry.bytes}`)
  const digest = createHash('sha256')
  try {
    await pipeline(createReadStream(path), digest)
  } catch (error) {
    throw damagedChunk(path, `it cannot be read: ${messageOf(error)}`, error)
  }
  if (digest.digest('hex') !== entry.sha256) throw damagedChunk(path, 'its digest does not fit')
}

async function* itemsOf(path: string, { compression }: ChunkEntry) {
  const reader = new ItemReader()
  const file = createReadStream(path, { highWaterMark: 262_144 })
  const content = compression === 'gzip' ? file.pipe(createGunzip({ chunkSize: 262_144 })) : file
  file.on('error', (error) => content.destroy(error))
  try {
    for await (const piece of content) yield reader.push(piece as Buffer)
    reader.end()
  } finally {
    file.destroy()
  }
}

function damagedChunk(path: string, what: string, cause?: unknown) {
  return backupDamaged(`The chunk ${path} of the backup is damaged: ${what}.`, cause)
}
