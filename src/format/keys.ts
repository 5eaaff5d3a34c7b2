/**
 * Keys of the operation log (docs/format.md, "Keys"). The first byte says what a key is for, so that all
 * operation records form one contiguous range in the order of their positions.
 */

const recordPrefix = 0x01

/** Says whose log this is: format version, store id, epoch. */
export const storeKey: Buffer = Buffer.from('\0store')
/** The newest position and the frontier of the Merkle tree; rewritten by every batch. */
export const headKey: Buffer = Buffer.from('\0head')
/** Of which log this one is a replay, and how far; written in the batches of a replay, absent elsewhere. */
export const originKey: Buffer = Buffer.from('\0origin')

/** Lower than every record key, and higher: the bounds of a scan over all records. */
export const recordRange: { readonly gte: Buffer; readonly lt: Buffer } = {
  gte: Buffer.from([recordPrefix]),
  lt: Buffer.from([recordPrefix + 1]),
}

/** `0x01 | position as 8 bytes, big-endian`: LevelDB's byte order is then the order of the positions. */
export function recordKey(position: number): Buffer {
  const key = Buffer.allocUnsafe(9)
  key[0] = recordPrefix
  key.writeBigUInt64BE(BigInt(position), 1)
  return key
}

/** The position in a record key. */
export function positionOf(key: Uint8Array): number {
  return Number(Buffer.from(key.buffer, key.byteOffset, key.byteLength).readBigUInt64BE(1))
}
