import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import hnswlib from 'hnswlib-node'
import { beforeAll, describe, expect, test } from 'vitest'
import { checkHnswFile, graphSpace, readHeader } from '../../src/projections/vectors/hnsw-file.ts'
import { SealedSegment, type SealedSegmentSource } from '../../src/projections/vectors/sealed-segment.ts'
import {
  built,
  damagedFile,
  folder,
  freshFile,
  randomSource,
  randomVector,
  readVectors,
  recipe,
  vouchedFor,
} from './segment-support.ts'

describe('damaged files are refused, and the process lives', () => {
  let source: SealedSegmentSource
  let good: Buffer
  beforeAll(async () => {
    source = await built(recipe({ count: 600, dimension: 32 }))
    good = await readFile(source.file)
  })

  async function refused(bytes: Uint8Array): Promise<void> {
    const file = freshFile()
    await writeFile(file, bytes)
    await expect(SealedSegment.load({ ...source, file })).rejects.toEqual(damagedFile({ ...source, file }))
    await rm(file)
  }

  test('missing, empty, a folder', async () => {
    const missing = { ...source, file: join(folder, 'no-such-file') }
    await expect(SealedSegment.load(missing)).rejects.toEqual(damagedFile(missing))
    const directory = { ...source, file: folder }
    await expect(SealedSegment.load(directory)).rejects.toEqual(damagedFile(directory))
    await refused(new Uint8Array(0))
  })

  test('truncated, also at the ends of its parts', async () => {
    for (const length of [1, 95, 96, 97, good.length >> 1, good.length - 4, good.length - 1])
      await refused(good.subarray(0, length))
    await refused(Buffer.concat([good, Buffer.alloc(4)]))
  })

  test('one flipped bit in each 4 KiB', async () => {
    const random = randomSource(11)
    for (let at = 0; at < good.length; at += 4096) {
      const bytes = Buffer.from(good)
      const byte = at + Math.floor(random() * Math.min(4096, good.length - at))
      bytes[byte]! ^= 1 << Math.floor(random() * 8)
      await refused(bytes)
    }
  })

  test('another segment’s file, of the same size', async () => {
    let seed = 2
    let other: Buffer
    do other = await readFile((await built(recipe({ count: 600, dimension: 32, seed: seed++ }))).file)
    while (other.length !== good.length && seed < 40)
    await refused(other)
  })

  test('a good file under a wrong manifest', async () => {
    const wrong: Partial<SealedSegmentSource>[] = [
      { nextLabel: source.nextLabel + 1 },
      { nextLabel: source.nextLabel - 1 },
      { firstLabel: source.firstLabel - 1, nextLabel: source.nextLabel - 1 },
      { firstLabel: source.firstLabel + 1, nextLabel: source.nextLabel + 1 },
      { firstLabel: source.firstLabel - 1 },
      { dimension: 31 },
      { dimension: 33 },
      { bytes: source.bytes - 1 },
      { digest: Buffer.alloc(32) },
    ]
    for (const change of wrong)
      await expect(SealedSegment.load({ ...source, ...change })).rejects.toEqual(damagedFile(source))
  })
})

describe('bad structure is refused, though its digest is good', () => {
  let source: SealedSegmentSource
  let good: Buffer
  beforeAll(async () => {
    source = await built(recipe({ count: 300, dimension: 8 }))
    good = await readFile(source.file)
  })

  function reasonFor(bytes: Uint8Array): string | null {
    const { dimension, firstLabel, nextLabel } = source
    return checkHnswFile(bytes, { dimension, count: nextLabel - firstLabel, firstLabel, nextLabel })
  }

  test('every field of the header', async () => {
    expect(reasonFor(good)).toBeNull()
    for (const at of [0, 8, 16, 24, 32, 40, 48, 52, 56, 64, 72, 80, 84, 88])
      for (const value of [0, 1, 7, 299, 300, 0x7fff_ffff, 0xffff_ffff]) {
        const bytes = Buffer.from(good)
        bytes.writeUInt32LE(value, at)
        // ef_construction says how the graph was built; searching does not look at it.
        if (bytes.equals(good) || (at === 88 && value >= 8)) continue
        const bad = await vouchedFor(source, bytes)
        await expect(SealedSegment.load(bad), `${value} at ${at}`).rejects.toEqual(damagedFile(bad))
      }
  })

  test('links, labels and layers', async () => {
    const { elementBytes, labelOffset, count, maxM } = readHeader(good)!
    const element = (number: number): number => 96 + number * elementBytes
    const upper = element(count)
    const highest = readHeader(good)!.enterPoint
    const changes: [string, (bytes: Buffer) => unknown][] = [
      ['more links than fit', (bytes) => bytes.writeUInt32LE(17, element(5))],
      ['a delete mark', (bytes) => bytes.writeUInt8(1, element(5) + 2)],
      ['a link beyond the last element', (bytes) => bytes.writeUInt32LE(300, element(5) + 4)],
      ['a link far off', (bytes) => bytes.writeUInt32LE(0xffff_ffff, element(5) + 4)],
      ['a link to itself', (bytes) => bytes.writeUInt32LE(5, element(5) + 4)],
      ['a label twice', (bytes) => bytes.writeUInt32LE(source.firstLabel, element(1) + labelOffset)],
      ['a label beyond', (bytes) => bytes.writeUInt32LE(source.nextLabel, element(299) + labelOffset)],
      ['a label above uint32', (bytes) => bytes.writeUInt32LE(1, element(7) + labelOffset + 4)],
      ['upper layers of no whole number', (bytes) => bytes.writeUInt32LE(4, upper)],
      ['upper layers beyond the end', (bytes) => bytes.writeUInt32LE(0xffff_fffc, upper)],
      ['upper layers that are missing', (bytes) => bytes.writeUInt32LE((maxM + 1) * 4, upper)],
      ['an enter point without upper layers', (bytes) => bytes.writeUInt32LE((highest + 1) % count, 52)],
    ]
    for (const [name, change] of changes) {
      const bytes = Buffer.from(good)
      change(bytes)
      const bad = await vouchedFor(source, bytes)
      await expect(SealedSegment.load(bad), name).rejects.toEqual(damagedFile(bad))
    }
  })

  test('whatever passes the check can be loaded and searched', async () => {
    const random = randomSource(21)
    const file = join(folder, 'mutated.hnsw')
    let passed = 0
    for (let i = 0; i < 400; i++) {
      const bytes = Buffer.from(good)
      const at = 4 * Math.floor(random() * (bytes.length / 4))
      if (random() < 0.5) bytes.writeUInt32LE(Math.floor(random() * 310), at)
      else bytes[at + Math.floor(random() * 4)]! ^= 1 << Math.floor(random() * 8)
      if (reasonFor(bytes) !== null) continue
      passed++
      await writeFile(file, bytes)
      const graph = new hnswlib.HierarchicalNSW(graphSpace(source.space), source.dimension)
      graph.readIndexSync(file)
      graph.setEf(300)
      for (let q = 0; q < 5; q++) graph.searchKnn([...randomVector(8, random)], 300)
    }
    expect(passed).toBeGreaterThan(100)
  })

  test('a file that does not begin at a multiple of 4 in its buffer', () => {
    const shifted = Buffer.alloc(good.length + 1).subarray(1)
    shifted.set(good)
    expect(reasonFor(shifted)).toBeNull()
    expect(readVectors(shifted, 8)).toEqual(readVectors(good, 8))
  })
})
