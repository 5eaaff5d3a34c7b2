/**
 * What SQLite would see of a write-ahead log: its valid frames up to the last commit, and not one more.
 * The format: https://www.sqlite.org/fileformat2.html#walformat
 *
 * What holds:
 * - A frame counts when it bears the header's salts, names a page, and continues the running checksum. The
 *   first one that does not ends the log; what follows is left over from before the log's last restart.
 * - Frames after the last commit belong to a transaction that never was.
 * - The last image of a page is what readers see, and what a checkpoint copies into the database file.
 */
import { endianness } from 'node:os'

/** Bytes before the first frame. */
export const walHeaderBytes = 32
/** Bytes before the page image in each frame. */
const frameHeaderBytes = 24

/** The checksum's words are little-endian with this number, big-endian with the next one. */
const magicNumber = 0x377f0682
/** The only version there has ever been. SQLite refuses to open a database whose log bears another one. */
const formatVersion = 3_007_000
const pageBytesMin = 512
const pageBytesMax = 65_536
/** Read at once: large enough that the calls do not count, small enough to stay in the processor's cache. */
const chunkBytes = 1024 * 1024

/** The header of SQLite's write-ahead log. */
export interface WalHeader {
  version: number
  /** Bytes of a page. */
  pageSize: number
  /** Both salts as 16 hexadecimal digits; every restart of the log takes new ones. */
  salts: string
  bigEndian: boolean
  /** The running checksum after the header. */
  checksum: Int32Array
}

/** What of a write-ahead log counts: the frames up to its last commit. */
export interface WalScan {
  /** `null` when SQLite takes the file for an empty log. */
  header: WalHeader | null
  /** Frames up to and with the last commit. */
  frames: number
  /** Size of the database after that commit; 0 when there is none. */
  databasePages: number
  /** For each page in those frames the number of its last one; frames count from 1. */
  lastFrames: Map<number, number>
}

/** Fills `target` with the bytes from `offset` on, and answers how many there were. */
export type ReadAt = (target: Uint8Array, offset: number) => number

/**
 * Reads a write-ahead log as SQLite's recovery does. Never throws for what the bytes are: a file that is
 * damaged from some frame on is a shorter log, as it is for SQLite.
 *
 * @example
 * const bytes = readFileSync('metadata.sqlite3-wal')
 * scanWal(bytes.length, (target, offset) => bytes.copy(target, 0, offset)).frames
 */
export function scanWal(size: number, read: ReadAt): WalScan {
  const scan: WalScan = { header: null, frames: 0, databasePages: 0, lastFrames: new Map() }
  if (size <= walHeaderBytes) return scan
  scan.header = readHeader(read)
  if (scan.header !== null && scan.header.version === formatVersion) scanFrames(scan, scan.header, size, read)
  return scan
}

/** True for a log that keeps SQLite from opening the database at all. */
export function isUnsupported(header: WalHeader): boolean {
  return header.version !== formatVersion
}

/** Where in the file the page image of a frame begins; frames count from 1. */
export function imageOffset(pageSize: number, frame: number): number {
  return walHeaderBytes + (frame - 1) * (frameHeaderBytes + pageSize) + frameHeaderBytes
}

function readHeader(read: ReadAt): WalHeader | null {
  const chunk = new Chunk(walHeaderBytes)
  if (chunk.fill(read, 0) < walHeaderBytes) return null
  const { bytes } = chunk
  const magic = bytes.readUInt32BE(0)
  const pageSize = bytes.readUInt32BE(8)
  if (magic !== magicNumber && magic !== magicNumber + 1) return null
  if (!isPageSize(pageSize)) return null
  const bigEndian = magic === magicNumber + 1
  const checksum = new Int32Array(2)
  addTo(checksum, chunk.words(bigEndian), 0, 6)
  if (!agrees(checksum, bytes, 24)) return null
  return {
    version: bytes.readUInt32BE(4),
    pageSize,
    salts: bytes.toString('hex', 16, 24),
    bigEndian,
    checksum,
  }
}

/** True for the sizes that a page of SQLite's can have: the powers of two from 512 to 65,536. */
export function isPageSize(pageSize: number): boolean {
  return pageSize >= pageBytesMin && pageSize <= pageBytesMax && (pageSize & (pageSize - 1)) === 0
}

function scanFrames(scan: WalScan, header: WalHeader, size: number, read: ReadAt): void {
  const frameBytes = frameHeaderBytes + header.pageSize
  const last = Math.floor((size - walHeaderBytes) / frameBytes)
  const chunk = new Chunk(Math.max(1, Math.min(last, Math.floor(chunkBytes / frameBytes))) * frameBytes)
  const checksum = header.checksum.slice()
  /** Pages of the transaction that no commit has ended yet, in the order of its frames. */
  const pending: number[] = []
  let frame = 0
  while (frame < last) {
    const filled = chunk.fill(read, walHeaderBytes + frame * frameBytes)
    const words = chunk.words(header.bigEndian)
    for (let at = 0; at + frameBytes <= filled && frame < last; at += frameBytes) {
      if (!isValid(chunk.bytes, words, at, header, checksum)) return
      frame += 1
      pending.push(chunk.bytes.readUInt32BE(at))
      const databasePages = chunk.bytes.readUInt32BE(at + 4)
      if (databasePages > 0) commit(scan, databasePages, pending)
    }
    if (filled < frameBytes) return
  }
}

/** A frame that names the size of the database ends a transaction. */
function commit(scan: WalScan, databasePages: number, pending: number[]): void {
  for (const page of pending) {
    scan.frames += 1
    scan.lastFrames.set(page, scan.frames)
  }
  pending.length = 0
  scan.databasePages = databasePages
}

/** The checksum covers the first 8 bytes of the frame's header and its image; it is changed in place. */
function isValid(
  bytes: Buffer,
  words: Int32Array,
  at: number,
  header: WalHeader,
  checksum: Int32Array,
): boolean {
  if (bytes.toString('hex', at + 8, at + 16) !== header.salts || bytes.readUInt32BE(at) === 0) return false
  addTo(checksum, words, at / 4, 2)
  addTo(checksum, words, (at + frameHeaderBytes) / 4, header.pageSize / 4)
  return agrees(checksum, bytes, at + 16)
}

function addTo(checksum: Int32Array, words: Int32Array, from: number, count: number): void {
  let first = checksum[0]!
  let second = checksum[1]!
  for (let at = from; at < from + count; at += 2) {
    first = (first + words[at]! + second) | 0
    second = (second + words[at + 1]! + first) | 0
  }
  checksum[0] = first
  checksum[1] = second
}

/** Checksums stand in the file big-endian, whatever the order of the words that they add. */
function agrees(checksum: Int32Array, bytes: Buffer, at: number): boolean {
  return checksum[0] === bytes.readInt32BE(at) && checksum[1] === bytes.readInt32BE(at + 4)
}

/** Bytes of the file which can also be seen as the 32-bit words that the checksum adds. */
class Chunk {
  readonly bytes: Buffer

  constructor(size: number) {
    this.bytes = Buffer.from(new ArrayBuffer(size))
  }

  fill(read: ReadAt, offset: number): number {
    return read(this.bytes, offset)
  }

  words(bigEndian: boolean): Int32Array {
    const native = bigEndian === (endianness() === 'BE')
    const bytes = native ? this.bytes : copyOf(this.bytes).swap32()
    return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  }
}

/** In memory of its own: a small `Buffer.from` would share a pool and may begin at an odd address. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.from(new ArrayBuffer(bytes.length))
  bytes.copy(copy)
  return copy
}
