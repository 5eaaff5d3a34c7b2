import { hash } from 'node:crypto'

/** Bytes of a SHA-256 digest. */
export const digestBytes = 32

/** SHA-256 (FIPS 180-4) in one call. */
export function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer')
}
