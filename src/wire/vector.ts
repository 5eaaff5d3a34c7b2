/** Vectors as text: base64 of little-endian float32, as Chroma's clients send them. Exact, -0 included. */
import { endianness } from 'node:os'

const valueBytes = 4
const isLittleEndian = endianness() === 'LE'

/** Standard base64 with padding. */
export function encodeVector(vector: Float32Array): string {
  const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)
  return (isLittleEndian ? bytes : Buffer.from(bytes).swap32()).toString('base64')
}

/** The vector, its values not looked at; `null` for what is not the base64 of whole float32 values. */
export function decodeVector(text: string): Float32Array | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null
  // A single character holds no byte: Buffer would pass over it.
  if (text.replace(/=+$/, '').length % 4 === 1) return null
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length % valueBytes !== 0) return null
  if (!isLittleEndian) bytes.swap32()
  const vector = new Float32Array(bytes.length / valueBytes)
  bytes.copy(Buffer.from(vector.buffer))
  return vector
}
