import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { prepare } from '../../src/projections/vectors/distance.ts'
import { SealedSegment } from '../../src/projections/vectors/sealed-segment.ts'
import { buildSegment } from '../../src/projections/vectors/segment-build.ts'
import { TopK } from '../../src/projections/vectors/top-k.ts'
import type { Space } from '../../src/types.ts'
import { countTurns } from '../support/until.ts'
import {
  built,
  damagedFile,
  exact,
  folder,
  randomSource,
  randomVector,
  readVectors,
  recipe,
} from './segment-support.ts'

describe('building and loading', () => {
  test.each<Space>(['l2', 'ip', 'cosine'])(
    '%s: holds the vectors bit for bit, and finds them',
    async (space) => {
      const build = recipe({ count: 2_000, dimension: 32, space })
      const source = await built(build)
      expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
      const bytes = await readFile(source.file)
      expect(source.bytes).toBe(bytes.byteLength)
      expect(createHash('sha256').update(bytes).digest()).toEqual(source.digest)
      const { labels, matrix } = readVectors(bytes, 32)
      expect(labels).toEqual(Uint32Array.from({ length: 2_000 }, (_, row) => 500 + row))
      expect(Buffer.from(matrix.buffer).equals(Buffer.from(build.matrix.buffer))).toBe(true)

      const segment = await SealedSegment.load(source)
      const random = randomSource(77)
      let hits = 0
      for (let i = 0; i < 50; i++) {
        const query = prepare(space, randomVector(32, random))
        const found = segment.search(query, 10, 100)
        const scanned = segment.scan(query, new TopK(10)).sorted()
        const wanted = exact(segment.table, query, 10)
        expect(scanned.map((one) => one.label)).toEqual(wanted)
        hits += found.filter((one) => wanted.includes(one.label)).length
        // Found by the graph or by the scan: the distance is one and the same.
        const distances = new Map(scanned.map((one) => [one.label, one.distance]))
        for (const { label, distance } of found) expect(distance).toBe(distances.get(label) ?? distance)
      }
      expect(hits / 500).toBeGreaterThan(0.9)
      segment.release()
    },
  )

  test('two builds give the same bytes; other vectors or parameters give others', async () => {
    const digests = await Promise.all(
      [
        {},
        {},
        { maxNeighbors: 9 },
        { efConstruction: 61 },
        { firstLabel: 501 },
        { space: 'ip' as const },
      ].map(
        async (change) =>
          (await buildSegment({ ...recipe({ count: 700, dimension: 16 }), ...change })).digest,
      ),
    )
    const [first, second, ...others] = digests.map((digest) => digest.toString('hex'))
    expect(second).toBe(first)
    expect(others.slice(0, 3)).not.toContain(first)
    // Cosine and ip differ in how vectors are prepared, not in the graph.
    expect(others[3]).toBe(first)
  })

  test('one record; k above the count; k = 0', async () => {
    const build = recipe({ count: 1, dimension: 3, firstLabel: 0xffff_ffff })
    const segment = await SealedSegment.load(await built(build))
    const query = prepare('cosine', new Float32Array([1, 2, 3]))
    expect(segment.search(query, 10).map((one) => one.label)).toEqual([0xffff_ffff])
    expect(segment.search(query, 0)).toEqual([])
    segment.markDead(0xffff_ffff)
    expect(segment.search(query, 10)).toEqual([])
  })

  test('all are found when all are asked for, though they are alike', async () => {
    const build = recipe({ count: 400, dimension: 4, space: 'l2' })
    build.matrix.fill(1)
    const segment = await SealedSegment.load(await built(build))
    const found = segment.search(new Float32Array(4), 1_000, 10)
    expect(found.map((one) => one.label)).toEqual(Array.from({ length: 400 }, (_, row) => 500 + row))
    expect(new Set(found.map((one) => one.distance))).toEqual(new Set([4]))
  })

  test('zero vectors', async () => {
    for (const space of ['l2', 'ip', 'cosine'] as const) {
      const build = recipe({ count: 50, dimension: 4, space })
      build.matrix.fill(0)
      const segment = await SealedSegment.load(await built(build))
      expect(segment.search(new Float32Array(4), 50)).toHaveLength(50)
    }
  })

  test('filters, dead labels, and what throws in a filter', async () => {
    const segment = await SealedSegment.load(
      await built(recipe({ count: 1_000, dimension: 16, space: 'l2' })),
    )
    const query = randomVector(16, randomSource(5))
    const even = segment.search(query, 20, 100, (label) => label % 2 === 0)
    expect(even).toHaveLength(20)
    expect(even.every((one) => one.label % 2 === 0)).toBe(true)
    const few = segment.search(query, 20, 100, (label) => label >= 1_490)
    expect(few.map((one) => one.label).sort()).toEqual(Array.from({ length: 10 }, (_, i) => 1_490 + i))
    const boom = new Error('boom')
    const thrower = (): boolean => {
      throw boom
    }
    expect(() => segment.search(query, 5, 100, thrower)).toThrow(boom)

    const [nearest] = segment.search(query, 1)
    for (let i = 0; i < 2; i++) segment.markDead(nearest!.label)
    segment.markDead(3)
    expect([segment.deadCount, segment.isDead(nearest!.label), segment.isDead(3)]).toEqual([1, true, false])
    expect(segment.search(query, 1_000).map((one) => one.label)).not.toContain(nearest!.label)
    expect(segment.search(query, 1_000)).toHaveLength(999)
    // The past still sees it.
    expect(segment.scan(query, new TopK(1)).sorted()).toEqual([nearest])
    expect(segment.vectorAt(nearest!.label)).toHaveLength(16)
    expect(segment.vectorAt(499)).toBeNull()
  })

  test('labels with gaps', async () => {
    const build = recipe({ count: 300, dimension: 8, space: 'l2', firstLabel: 40 })
    const labels = Uint32Array.from({ length: 300 }, (_, row) => 43 + row * 2)
    const { digest, bytes } = await buildSegment({ ...build, labels })
    const { file, space, dimension } = build
    const source = { file, digest, bytes, firstLabel: 40, nextLabel: 700, space, dimension, efSearch: 50 }
    await expect(SealedSegment.load(source)).rejects.toEqual(damagedFile(source))
    await expect(SealedSegment.load({ ...source, count: 300, nextLabel: 600 })).rejects.toEqual(
      damagedFile(source),
    )
    const segment = await SealedSegment.load({ ...source, count: 300 })
    segment.markDead(45)
    const query = randomVector(8, randomSource(6))
    const all = [...labels].filter((label) => label !== 45)
    expect(
      segment
        .search(query, 400)
        .map((one) => one.label)
        .sort((a, b) => a - b),
    ).toEqual(all)
    expect(segment.vectorAt(47)).toEqual(build.matrix.subarray(16, 24))
    expect(segment.vectorAt(46)).toBeNull()
  })
})

test('the event loop runs on while a segment is built and loaded', async () => {
  const build = recipe({ count: 3_000, dimension: 256 })
  const counter = countTurns()
  const source = await built(build)
  const whileBuilding = counter.turns
  const segment = await SealedSegment.load(source)
  counter.stop()
  console.log(`turns: ${whileBuilding} while building, ${counter.turns - whileBuilding} while loading`)
  expect(whileBuilding).toBeGreaterThan(1_000)
  expect(counter.turns - whileBuilding).toBeGreaterThan(100)
  segment.release()
})
