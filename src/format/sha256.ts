import { hash } from 'node:crypto'

/** Bytes of a SHA-256 digest. */
export const digestBytes = 32

/** SHA-256 (FIPS 180-4) in one call. By way of a string: Node is slow to make a buffer of its own for each digest. */
export function sha256(bytes: Uint8Array): Buffer {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1')
}
