import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Every file below a folder. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** The files that hold these bytes anywhere, by their path below the folder. */
export function filesHolding(folder: string, needle: Uint8Array | string): string[] {
  const sought = typeof needle === 'string' ? needle : Buffer.from(needle)
  return filesBelow(folder)
    .filter((file) => readFileSync(file).includes(sought))
    .map((file) => file.slice(folder.length + 1))
}

/** A vector that no other number gives. */
export function vectorOf(seed: number, dimension = 16): Float32Array {
  return Float32Array.from({ length: dimension }, (_, index) => Math.sin(seed * dimension + index + 0.5))
}

/** The vector's bytes, as log and segments hold them. */
export function bytesOf(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer)
}
