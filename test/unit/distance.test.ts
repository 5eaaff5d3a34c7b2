import hnswlib from 'hnswlib-node'
import { describe, expect, test } from 'vitest'
import {
  distanceAt,
  normalise,
  prepare,
  rowOf,
  type Selection,
  scan,
  type VectorTable,
} from '../../src/projections/vectors/distance.ts'
import { type Neighbor, nearestFirst, TopK } from '../../src/projections/vectors/top-k.ts'
import type { Space } from '../../src/types.ts'

const spaces: Space[] = ['l2', 'ip', 'cosine']
const dimensions = [1, 2, 3, 7, 8, 9, 16, 31, 100, 384]

/** The same numbers in every run: mulberry32. */
function randomSource(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

function randomVectors(count: number, dimension: number, seed: number, scale = 1): Float32Array[] {
  const random = randomSource(seed)
  return Array.from({ length: count }, () =>
    new Float32Array(dimension).map(() => (random() * 2 - 1) * scale),
  )
}

function tableOf(space: Space, vectors: Float32Array[], firstLabel = 0, labels?: number[]): VectorTable {
  const dimension = vectors[0]!.length
  const matrix = new Float32Array(new SharedArrayBuffer(vectors.length * dimension * 4))
  for (const [row, vector] of vectors.entries()) matrix.set(prepare(space, vector), row * dimension)
  const count = vectors.length
  return { space, dimension, matrix, count, firstLabel, labels: labels ? Uint32Array.from(labels) : null }
}

function bruteForce(space: Space, vectors: Float32Array[], query: Float32Array): Map<number, number> {
  const index = new hnswlib.BruteforceSearch(space, query.length)
  index.initIndex(vectors.length)
  for (const [label, vector] of vectors.entries()) index.addPoint([...vector], label)
  const { neighbors, distances } = index.searchKnn([...query], vectors.length)
  return new Map(neighbors.map((label, i) => [label, distances[i]!]))
}

/** All distances, by the plainest of loops, and those that `accept` keeps, nearest first. */
function reference(table: VectorTable, query: Float32Array, accept: (label: number) => boolean): Neighbor[] {
  const found: Neighbor[] = []
  for (let row = 0; row < table.count; row++) {
    const label = table.labels === null ? table.firstLabel + row : table.labels[row]!
    const { space, matrix, dimension } = table
    if (accept(label))
      found.push({ label, distance: distanceAt(space, query, matrix, row * dimension, dimension) })
  }
  return found.sort(nearestFirst)
}

describe('distances are hnswlib’s', () => {
  test.each(spaces)('%s: every dimension, small and large values', (space) => {
    for (const dimension of dimensions)
      for (const scale of [1e-3, 1, 1e4]) {
        const vectors = randomVectors(40, dimension, dimension, scale)
        vectors.push(new Float32Array(dimension))
        const [query] = randomVectors(1, dimension, 1_000 + dimension, scale)
        const found = scan(tableOf(space, vectors), prepare(space, query!), new TopK(100)).sorted()
        const expected = bruteForce(space, vectors, query!)
        expect(found).toHaveLength(41)
        for (const { label, distance } of found) {
          const theirs = expected.get(label)!
          // hnswlib sums in float32: its error grows with the terms, not with their sum.
          const terms = space === 'l2' ? Math.abs(theirs) : space === 'ip' ? 1 + dimension * scale * scale : 1
          expect(Math.abs(distance - theirs)).toBeLessThanOrEqual(1e-5 * terms)
        }
      }
  })

  test('zero vectors: cosine and ip answer 1, l2 the square of the other', () => {
    const zero = new Float32Array(5)
    const one = new Float32Array([0, 3, 0, 4, 0])
    for (const space of spaces) {
      const table = tableOf(space, [zero, one])
      const distances = (query: Float32Array): number[] =>
        [0, 1].map((row) => distanceAt(space, prepare(space, query), table.matrix, row * 5, 5))
      expect(distances(zero)).toEqual(space === 'l2' ? [0, 25] : [1, 1])
      expect(distances(one)[0]).toBe(space === 'l2' ? 25 : 1)
    }
  })

  test('distances are float32 numbers', () => {
    const vectors = randomVectors(50, 33, 5)
    for (const space of spaces)
      for (const { distance } of scan(tableOf(space, vectors), vectors[0]!, new TopK(50)).sorted())
        expect(Math.fround(distance)).toBe(distance)
  })
})

describe('normalise', () => {
  // Elsewhere the compiler may have fused multiplication and addition.
  test.runIf(process.arch === 'x64')('gives hnswlib-node’s bits', () => {
    const random = randomSource(9)
    for (const dimension of dimensions)
      for (let i = 0; i < 12; i++) {
        const [vector] = randomVectors(1, dimension, i * 1000 + dimension, 10 ** (random() * 60 - 30))
        const index = new hnswlib.HierarchicalNSW('cosine', dimension)
        index.initIndex(1)
        index.addPoint([...vector!], 0)
        expect([...prepare('cosine', vector!)]).toEqual(index.getPoint(0))
      }
  })

  test('writes at the offset and nowhere else', () => {
    const into = new Float32Array(6).fill(7)
    normalise(new Float32Array([3, 4]), into, 2)
    expect([...into]).toEqual([7, 7, Math.fround(0.6), Math.fround(0.8), 7, 7])
  })

  test('leaves a zero vector as it is', () => {
    expect([...prepare('cosine', new Float32Array(3))]).toEqual([0, 0, 0])
  })

  test('prepare copies for cosine only', () => {
    const vector = new Float32Array([3, 4])
    expect(prepare('l2', vector)).toBe(vector)
    expect(prepare('ip', vector)).toBe(vector)
    prepare('cosine', vector)
    expect([...vector]).toEqual([3, 4])
  })
})

describe('scan', () => {
  const vectors = randomVectors(200, 24, 3)
  const [query] = randomVectors(1, 24, 4)
  const gaps = vectors.map((_, row) => 1_000 + row * 3)
  const tables: [string, (space: Space) => VectorTable][] = [
    ['a gapless table', (space) => tableOf(space, vectors, 1_000)],
    ['a table with gaps', (space) => tableOf(space, vectors, 1_000, gaps)],
  ]

  describe.each(tables)('%s', (_, make) => {
    test.each(spaces)('%s: all rows', (space) => {
      const table = make(space)
      const all = reference(table, query!, () => true)
      for (const k of [1, 10, 200, 500])
        expect(scan(table, query!, new TopK(k)).sorted()).toEqual(all.slice(0, k))
    })

    test.each(spaces)('%s: each kind of selection finds the same', (space) => {
      const table = make(space)
      const labels: number[] = []
      // Some far below and above the table, some in its gaps.
      for (let label = 0; label < 3_000; label += 7) labels.push(label)
      const bits = new Uint32Array(Math.ceil((3_000 - 40) / 32))
      for (const label of labels) if (label >= 40) bits[(label - 40) >>> 5]! |= 1 << ((label - 40) & 31)
      const selections: Selection[] = [
        { labels: Uint32Array.from(labels) },
        { bits, base: 40 },
        { accept: (label) => label % 7 === 0 },
      ]
      const expected = reference(table, query!, (label) => label % 7 === 0).slice(0, 10)
      expect(expected.length).toBe(10)
      for (const selection of selections)
        expect(scan(table, query!, new TopK(10), selection).sorted()).toEqual(expected)
    })

    test('selections that end inside or outside the table', () => {
      const table = make('l2')
      const found = (selection: Selection): number[] =>
        scan(table, query!, new TopK(500), selection)
          .sorted()
          .map((one) => one.label)
          .sort((a, b) => a - b)
      expect(found({ labels: new Uint32Array(0) })).toEqual([])
      expect(found({ labels: Uint32Array.of(1, 999, 0xffff_ffff) })).toEqual([])
      expect(found({ bits: new Uint32Array(0), base: 0 })).toEqual([])
      expect(found({ bits: Uint32Array.of(0xffff_ffff), base: 990 }).every((label) => label < 1_022)).toBe(
        true,
      )
      expect(found({ bits: Uint32Array.of(1), base: 1_000 })).toEqual([1_000])
      expect(found({ bits: Uint32Array.of(0xffff_ffff), base: 5_000 })).toEqual([])
    })
  })

  test('rowOf', () => {
    const table = tableOf('l2', vectors, 1_000, gaps)
    expect([999, 1_000, 1_001, 1_003, 1_597, 1_600].map((label) => rowOf(table, label))).toEqual([
      -1, 0, -1, 1, 199, -1,
    ])
    expect([999, 1_000, 1_199, 1_200].map((label) => rowOf(tableOf('l2', vectors, 1_000), label))).toEqual([
      -1, 0, 199, -1,
    ])
  })

  test('one heap over many tables gives what one table gives', () => {
    for (const space of spaces) {
      const nearest = new TopK(20)
      for (const [from, to] of [[90, 200] as const, [0, 30] as const, [30, 90] as const])
        scan(tableOf(space, vectors.slice(from, to), from), query!, nearest)
      expect(nearest.sorted()).toEqual(scan(tableOf(space, vectors), query!, new TopK(20)).sorted())
    }
  })

  test('one record, and none', () => {
    const table = tableOf('ip', [new Float32Array([2, 1])], 7)
    expect(scan(table, new Float32Array([1, 1]), new TopK(3)).sorted()).toEqual([{ label: 7, distance: -2 }])
    const none = { ...table, count: 0 }
    expect(scan(none, new Float32Array([1, 1]), new TopK(3)).size).toBe(0)
    expect(scan(none, new Float32Array([1, 1]), new TopK(3), { labels: Uint32Array.of(7) }).size).toBe(0)
  })

  test('labels up to the largest uint32', () => {
    const table = tableOf('l2', vectors.slice(0, 3), 0xffff_fffd)
    const all = { labels: Uint32Array.of(0xffff_fffd, 0xffff_fffe, 0xffff_ffff) }
    expect(scan(table, query!, new TopK(5), all).size).toBe(3)
    expect(scan(table, query!, new TopK(1)).sorted()).toEqual(
      reference(table, query!, () => true).slice(0, 1),
    )
  })
})
