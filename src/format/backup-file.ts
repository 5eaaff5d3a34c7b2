/**
 * The files of a backup (docs/backup-format.md): the manifest `backup.json`, and the chunks that it names.
 *
 * A chunk is a CBOR sequence (RFC 8742) of items `[position, frame]`: an array of an unsigned number and a byte
 * string. The grammar is so small that it is read here piece by piece, without a chunk ever being in memory.
 */
import { AnnalsError } from '../errors.ts'
import { sealJson, unsealJson } from './sealed-json.ts'
import { logFormatVersion } from './version.ts'

/**
 * The format of backups. Version history:
 * - 1 (0.1.0): a manifest with a digest of its own; chunks of raw frames, plain or gzipped.
 */
export const backupFormatVersion = 1

/** Name of the manifest in the folder of a backup. */
export const manifestName = 'backup.json'

/** Persisted: how a chunk's CBOR sequence is wrapped. */
export type ChunkCompression = 'none' | 'gzip'

/** Where the tree of a log stands at a position. Digests are hexadecimal. */
export interface TreePoint {
  position: number
  /** RFC 6962 root over positions 1 to `position`. */
  root: string
}

/** The same with the frontier that continues the tree: the perfect subtrees' roots, largest first. */
export interface Frontier extends TreePoint {
  peaks: string[]
}

/** One file of frames. */
export interface ChunkEntry {
  /** File name in the folder. */
  file: string
  /** Its first and last position; it holds all between. */
  first: number
  last: number
  /** Of the commits of its first and last operation record. */
  firstCommittedAt: string
  lastCommittedAt: string
  compression: ChunkCompression
  /** Size of the file. */
  bytes: number
  /** Size of the CBOR sequence inside. */
  contentBytes: number
  /** SHA-256 of the file. */
  sha256: string
  /** Root of the log's tree over positions 1 to `last`. */
  root: string
}

/** What a backup holds: `backup.json`. */
export interface BackupManifest {
  format: 'annals-backup'
  formatVersion: number
  /** Of the frames inside the chunks. */
  logFormatVersion: number
  storeId: string
  epoch: number
  createdAt: string
  updatedAt: string
  /** Where it begins: 0 for the whole log, otherwise the end of an earlier backup. */
  after: Frontier
  /** Where its last chunk ends: what a later backup continues. */
  end: Frontier
  /** The newest whole commit in it: what a restore reaches. */
  head: TreePoint & { committedAt: string }
  chunks: ChunkEntry[]
}

/** The manifest as text, sealed by a digest of its own. */
export function encodeManifest(manifest: BackupManifest): string {
  return sealJson(manifest)
}

/** Throws `backup_damaged` unless every byte fits, and `format_unsupported` for a later format. */
export function decodeManifest(text: string, place: string): BackupManifest {
  const manifest = unsealJson(text) as BackupManifest | null
  if (manifest === null) throw backupDamaged(`The manifest ${place} is damaged: its digest does not fit.`)
  if (manifest.formatVersion > backupFormatVersion || manifest.logFormatVersion > logFormatVersion)
    throw new AnnalsError(
      'format_unsupported',
      `The backup ${place} has format ${manifest.formatVersion} of log format ${manifest.logFormatVersion}; this version of annals reads up to ${backupFormatVersion} of ${logFormatVersion}.`,
      { hint: 'Restore it with a newer version of annals.' },
    )
  return manifest
}

/** What a damaged or lost file of a backup is reported as. */
export function backupDamaged(message: string, cause?: unknown): AnnalsError {
  return new AnnalsError('backup_damaged', message, {
    hint: 'Copy the file again from where the backup was made, or restore from another backup.',
    cause,
  })
}

/** The name of the chunk that begins at `first`: names sort like positions. */
export function chunkName(first: number, compression: ChunkCompression): string {
  return `${String(first).padStart(16, '0')}.cbor${compression === 'gzip' ? '.gz' : ''}`
}

const arrayOfTwo = 0x82
const unsigned = 0
const byteString = 2

/** What stands before the bytes of a frame in a chunk. */
export function itemHead(position: number, frameBytes: number): Buffer {
  return Buffer.concat([Buffer.from([arrayOfTwo]), head(unsigned, position), head(byteString, frameBytes)])
}

/** The head of a CBOR item in its shortest form (RFC 8949, section 3). */
function head(major: number, value: number): Buffer {
  const top = major << 5
  if (value < 24) return Buffer.from([top | value])
  if (value < 0x100) return Buffer.from([top | 24, value])
  if (value < 0x1_0000) return Buffer.from([top | 25, value >> 8, value & 0xff])
  const long = value > 0xffff_ffff
  const bytes = Buffer.alloc(long ? 9 : 5)
  bytes[0] = top | (long ? 27 : 26)
  if (long) bytes.writeBigUInt64BE(BigInt(value), 1)
  else bytes.writeUInt32BE(value, 1)
  return bytes
}

/** One item of a chunk. */
export interface ChunkItem {
  position: number
  bytes: Buffer
}

/**
 * Reads the items of a chunk from pieces of any size.
 *
 * What holds: what `push` has not answered yet is in `#rest`, from the start of an item on.
 */
export class ItemReader {
  #rest: Buffer = Buffer.alloc(0)

  /** The items that are whole with this piece. Throws `RangeError` for anything else than items. */
  push(piece: Buffer): ChunkItem[] {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    const items: ChunkItem[] = []
    let at = 0
    for (let item = itemAt(bytes, at); item !== null; item = itemAt(bytes, at)) {
      items.push(item)
      at = item.end
    }
    this.#rest = bytes.subarray(at)
    return items
  }

  /** Throws `RangeError` when the sequence ends within an item. */
  end(): void {
    if (this.#rest.length > 0)
      throw new RangeError(`${this.#rest.length} bytes of an unfinished item are left`)
  }
}

function itemAt(bytes: Buffer, start: number): (ChunkItem & { end: number }) | null {
  if (start >= bytes.length) return null
  if (bytes[start] !== arrayOfTwo) throw new RangeError('an item is no array of two')
  const position = numberAt(bytes, start + 1, unsigned)
  if (position === null) return null
  const length = numberAt(bytes, position.end, byteString)
  if (length === null || length.end + length.value > bytes.length) return null
  const end = length.end + length.value
  return { position: position.value, bytes: bytes.subarray(length.end, end), end }
}

/** The number in the head of a CBOR item; `null` when the bytes end before it does. */
function numberAt(bytes: Buffer, at: number, major: number): { value: number; end: number } | null {
  const first = bytes[at]
  if (first === undefined) return null
  if (first >> 5 !== major) throw new RangeError(`an item of major type ${first >> 5} instead of ${major}`)
  const short = first & 31
  if (short < 24) return { value: short, end: at + 1 }
  const width = 1 << (short - 24)
  if (width > 8 || short > 27) throw new RangeError(`a number of an unknown width (${short})`)
  const end = at + 1 + width
  if (end > bytes.length) return null
  const value = width === 8 ? Number(bytes.readBigUInt64BE(at + 1)) : bytes.readUIntBE(at + 1, width)
  return { value, end }
}
