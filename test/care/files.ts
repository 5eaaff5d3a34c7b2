import { filesHolding as holding } from '../../examples/demo/files.js'

/** In how many files below a folder these bytes stand anywhere, LevelDB's compressed tables unpacked. */
export function filesHolding(folder: string, needle: Uint8Array | string): number {
  return holding(folder, [Buffer.from(needle as Uint8Array)])[0]!
}

/** A vector that no other number gives. */
export function vectorOf(seed: number, dimension = 16): Float32Array {
  return Float32Array.from({ length: dimension }, (_, index) => Math.sin(seed * dimension + index + 0.5))
}

/** The vector's bytes, as log and segments hold them. */
export function bytesOf(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer)
}
