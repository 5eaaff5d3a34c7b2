/** Segments of random vectors, in a folder that is removed after the tests of a file. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { prepare, type VectorTable } from '../../src/projections/vectors/distance.ts'
import { type HnswVectors, readVectorsInSteps } from '../../src/projections/vectors/hnsw-file.ts'
import type { SealedSegmentSource } from '../../src/projections/vectors/sealed-segment.ts'
import { buildSegment, type SegmentBuild } from '../../src/projections/vectors/segment-build.ts'
import type { Space } from '../../src/types.ts'

export let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'annals-segments-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

export function randomSource(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export function randomVector(dimension: number, random: () => number): Float32Array {
  return new Float32Array(dimension).map(() => random() * 2 - 1)
}

export interface Recipe {
  count: number
  dimension: number
  space?: Space
  firstLabel?: number
  seed?: number
  name?: string
}

let files = 0

/** The path of a file that is not there yet. */
export function freshFile(): string {
  return join(folder, `${++files}.hnsw`)
}

export function recipe(wanted: Recipe): SegmentBuild & { matrix: Float32Array } {
  const { count, dimension, space = 'cosine', firstLabel = 500, seed = 1 } = wanted
  const random = randomSource(seed)
  const matrix = new Float32Array(new SharedArrayBuffer(count * dimension * 4))
  for (let row = 0; row < count; row++)
    matrix.set(prepare(space, randomVector(dimension, random)), row * dimension)
  const file = join(folder, wanted.name ?? `${++files}.hnsw`)
  return { matrix, dimension, space, firstLabel, count, maxNeighbors: 8, efConstruction: 60, file }
}

/** Labels and vectors of a sound file. */
export function readVectors(bytes: Uint8Array, dimension: number): HnswVectors {
  const steps = readVectorsInSteps(bytes, dimension)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

export async function built(build: SegmentBuild): Promise<SealedSegmentSource> {
  const { file, firstLabel, count, space, dimension } = build
  const { digest, bytes } = await buildSegment(build)
  return { file, digest, bytes, firstLabel, nextLabel: firstLabel + count, space, dimension, efSearch: 50 }
}

/** The source with other bytes in its file, and a digest that vouches for them. */
export async function vouchedFor(
  source: SealedSegmentSource,
  bytes: Uint8Array,
): Promise<SealedSegmentSource> {
  const file = freshFile()
  await writeFile(file, bytes)
  return { ...source, file, bytes: bytes.byteLength, digest: createHash('sha256').update(bytes).digest() }
}

export function damagedFile(source: SealedSegmentSource): object {
  return expect.objectContaining({
    name: 'AnnalsError',
    code: 'segment_damaged',
    message: expect.stringContaining(source.file),
    hint: expect.any(String),
  })
}

export function exact(table: VectorTable, query: Float32Array, k: number): number[] {
  const found = [...Array(table.count).keys()].map((row) => {
    const at = table.matrix.subarray(row * table.dimension, (row + 1) * table.dimension)
    const sum = at.reduce(
      (so, value, i) => so + (table.space === 'l2' ? (value - query[i]!) ** 2 : -value * query[i]!),
      0,
    )
    return [sum, table.firstLabel + row] as const
  })
  return found
    .sort((a, b) => a[0] - b[0])
    .slice(0, k)
    .map((one) => one[1])
}
