import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import hnswlib from 'hnswlib-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { prepare, type VectorTable } from '../../src/projections/vectors/distance.ts'
import {
  checkHnswFile,
  graphSpace,
  readHeader,
  readVectors,
} from '../../src/projections/vectors/hnsw-file.ts'
import { SealedSegment, type SealedSegmentSource } from '../../src/projections/vectors/sealed-segment.ts'
import {
  buildSegment,
  type SegmentBuild,
  SegmentBuilders,
} from '../../src/projections/vectors/segment-builder.ts'
import { TopK } from '../../src/projections/vectors/top-k.ts'
import type { Space } from '../../src/types.ts'

const builderUrl = pathToFileURL(resolve('dist/projections/vectors/segment-builder.js')).href

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'annals-segments-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function randomSource(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

function randomVector(dimension: number, random: () => number): Float32Array {
  return new Float32Array(dimension).map(() => random() * 2 - 1)
}

interface Recipe {
  count: number
  dimension: number
  space?: Space
  firstLabel?: number
  seed?: number
  name?: string
}

let files = 0

function recipe(wanted: Recipe): SegmentBuild & { matrix: Float32Array } {
  const { count, dimension, space = 'cosine', firstLabel = 500, seed = 1 } = wanted
  const random = randomSource(seed)
  const matrix = new Float32Array(new SharedArrayBuffer(count * dimension * 4))
  for (let row = 0; row < count; row++)
    matrix.set(prepare(space, randomVector(dimension, random)), row * dimension)
  const file = join(folder, wanted.name ?? `${++files}.hnsw`)
  return { matrix, dimension, space, firstLabel, count, maxNeighbors: 8, efConstruction: 60, file }
}

async function built(build: SegmentBuild): Promise<SealedSegmentSource> {
  const { file, firstLabel, count, space, dimension } = build
  const { digest, bytes } = await buildSegment(build)
  return { file, digest, bytes, firstLabel, nextLabel: firstLabel + count, space, dimension, efSearch: 50 }
}

/** The source with other bytes in its file, and a digest that vouches for them. */
async function vouchedFor(source: SealedSegmentSource, bytes: Uint8Array): Promise<SealedSegmentSource> {
  const file = join(folder, `${++files}.hnsw`)
  await writeFile(file, bytes)
  return { ...source, file, bytes: bytes.byteLength, digest: createHash('sha256').update(bytes).digest() }
}

function damagedFile(source: SealedSegmentSource): object {
  return expect.objectContaining({
    name: 'AnnalsError',
    code: 'segment_damaged',
    message: expect.stringContaining(source.file),
    hint: expect.any(String),
  })
}

function exact(table: VectorTable, query: Float32Array, k: number): number[] {
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

describe('damaged files are refused, and the process lives', () => {
  let source: SealedSegmentSource
  let good: Buffer
  beforeAll(async () => {
    source = await built(recipe({ count: 600, dimension: 32 }))
    good = await readFile(source.file)
  })

  async function refused(bytes: Uint8Array): Promise<void> {
    const file = join(folder, `${++files}.hnsw`)
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

describe('builds that cannot be written fail cleanly', () => {
  function failed(file: string): object {
    return expect.objectContaining({
      name: 'AnnalsError',
      code: 'segment_damaged',
      message: expect.stringContaining(file),
      hint: expect.any(String),
    })
  }

  test('a folder that is not there', async () => {
    const build = recipe({ count: 10, dimension: 4, name: 'absent/1.hnsw' })
    await expect(buildSegment(build)).rejects.toEqual(failed(build.file))
  })

  test('a folder in the file’s place, or in its temporary file’s', async () => {
    const build = recipe({ count: 10, dimension: 4 })
    mkdirSync(build.file)
    await expect(buildSegment(build)).rejects.toEqual(failed(build.file))
    expect(existsSync(`${build.file}.tmp`)).toBe(false)
    const other = recipe({ count: 10, dimension: 4 })
    mkdirSync(`${other.file}.tmp`)
    await expect(buildSegment(other)).rejects.toEqual(failed(other.file))
    expect(existsSync(other.file)).toBe(false)
  })

  test('a folder without permission to write', async (context) => {
    if (process.getuid?.() === 0) return context.skip('root may write everywhere')
    mkdirSync(join(folder, 'locked'))
    chmodSync(join(folder, 'locked'), 0o500)
    const build = recipe({ count: 10, dimension: 4, name: 'locked/1.hnsw' })
    await expect(buildSegment(build)).rejects.toEqual(failed(build.file))
  })

  test('what cannot be built at all', async () => {
    const build = recipe({ count: 10, dimension: 4 })
    const wrong: Partial<SegmentBuild>[] = [
      { count: 0 },
      { count: 11 },
      { maxNeighbors: 1 },
      { labels: Uint32Array.of(1) },
      { matrix: new Float32Array(40) },
      { labels: Uint32Array.from({ length: 10 }, () => 500) },
    ]
    for (const change of wrong)
      await expect(buildSegment({ ...build, ...change })).rejects.toEqual(failed(build.file))
    expect(existsSync(build.file)).toBe(false)
  })

  test('a leftover of a build that died is replaced', async () => {
    const build = recipe({ count: 10, dimension: 4 })
    await writeFile(`${build.file}.tmp`, 'leftover')
    await SealedSegment.load(await built(build))
    expect(existsSync(`${build.file}.tmp`)).toBe(false)
  })

  test('vectors that change under the build', async () => {
    const build = recipe({ count: 1_500, dimension: 16 })
    const timer = setInterval(() => build.matrix.fill(Math.random()), 1)
    await expect(buildSegment(build))
      .rejects.toEqual(failed(build.file))
      .finally(() => clearInterval(timer))
    expect(existsSync(build.file) || existsSync(`${build.file}.tmp`)).toBe(false)
  })

  test('a disk that takes no more', (context) => {
    if (spawnSync('prlimit', ['--version']).status !== 0) return context.skip('there is no prlimit here')
    const file = join(folder, 'full.hnsw')
    const child = runChild(
      `try { await buildSegment(build('${file}', 2000)); console.log('built') }
       catch (error) { console.log(error.code, error.message, (await import('node:fs')).readdirSync('${folder}')
         .some((name) => name.startsWith('full.hnsw'))) }`,
      ['prlimit', '--fsize=100000'],
    )
    expect(child.stdout).toMatch(/^segment_damaged .*full\.hnsw could not be built: .* false\n$/)
    expect(child.status).toBe(0)
  })
})

/** Runs the code in a process of its own, after a small matrix to build from. */
function runChild(
  code: string,
  prefix: string[] = [],
): { status: number | null; stdout: string; ms: number } {
  const script = `
    import { buildSegment, SegmentBuilders } from '${builderUrl}'
    const build = (file, count) => {
      const matrix = new Float32Array(new SharedArrayBuffer(count * 64)).map(() => Math.random())
      const shared = new Float32Array(new SharedArrayBuffer(count * 64))
      shared.set(matrix)
      return { matrix: shared, dimension: 16, space: 'l2', firstLabel: 0, count, maxNeighbors: 16,
        efConstruction: 200, file }
    }
    ${code}`
  const [command, ...rest] = [...prefix, process.execPath, '--input-type=module', '-e', script]
  const from = performance.now()
  const child = spawnSync(command!, rest, { encoding: 'utf8', timeout: 50_000 })
  return { status: child.status, stdout: child.stdout + child.stderr, ms: performance.now() - from }
}

describe('SegmentBuilders', () => {
  test('many builds, few workers, several collections: all are built', async () => {
    const builders = new SegmentBuilders({ maxWorkers: 2 })
    const builds = Array.from({ length: 9 }, () => recipe({ count: 60, dimension: 4 }))
    const order: number[] = []
    const done = builds.map((build, i) =>
      builders.build(build, { collection: `c${i < 7 ? 0 : i}`, numThreads: 1 }).then(() => order.push(i)),
    )
    await builders.idle()
    await Promise.all(done)
    expect(order.filter((i) => i < 7)).toEqual([0, 1, 2, 3, 4, 5, 6])
    // The seven of the first collection do not make the others wait.
    expect(order.indexOf(7)).toBeLessThan(order.indexOf(2))
    for (const build of builds) expect(statSync(build.file).size).toBeGreaterThan(0)
    await builders.close()
  })

  test('a signal ends a build that runs, and one that waits', async () => {
    const builders = new SegmentBuilders({ maxWorkers: 1 })
    const place = { collection: 'c', numThreads: 1 }
    const running = new AbortController()
    const waiting = new AbortController()
    const first = builders.build(
      { ...recipe({ count: 20_000, dimension: 16 }), signal: running.signal },
      place,
    )
    const second = builders.build({ ...recipe({ count: 10, dimension: 4 }), signal: waiting.signal }, place)
    const third = builders.build(recipe({ count: 10, dimension: 4 }), place)
    const reason = new Error('not needed any more')
    waiting.abort(reason)
    await expect(second).rejects.toBe(reason)
    setTimeout(() => running.abort(reason), 100)
    await expect(first).rejects.toBe(reason)
    await third
    await expect(
      builders.build({ ...recipe({ count: 10, dimension: 4 }), signal: AbortSignal.abort(reason) }, place),
    ).rejects.toBe(reason)
    expect(
      readdirSync(folder).filter(
        (name) => name.endsWith('.tmp') && !statSync(join(folder, name)).isDirectory(),
      ),
    ).toEqual([])
    await builders.close()
  })

  test('close ends what runs and waits, or finishes it', async () => {
    const builders = new SegmentBuilders({ maxWorkers: 1 })
    const place = { collection: 'c', numThreads: 1 }
    const builds = [0, 1].map(() => builders.build(recipe({ count: 20_000, dimension: 16 }), place))
    const settled = Promise.allSettled(builds)
    await builders.close()
    for (const one of await settled)
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'store_closed' } })
    await expect(builders.build(recipe({ count: 10, dimension: 4 }), place)).rejects.toMatchObject({
      code: 'store_closed',
    })
    const patient = new SegmentBuilders()
    const build = patient.build(recipe({ count: 500, dimension: 16 }), place)
    await patient.close({ finish: true })
    expect((await build).bytes).toBeGreaterThan(0)
  })

  test('a build in flight does not hold the process; waiting for it does', () => {
    const dropped = runChild(`
      const builders = new SegmentBuilders()
      builders.build(build('${join(folder, 'dropped.hnsw')}', 200_000), { collection: 'c', numThreads: 1 })
        .catch(() => {})
      await new Promise((go) => setTimeout(go, 300))`)
    expect([dropped.status, dropped.stdout]).toEqual([0, ''])
    expect(existsSync(join(folder, 'dropped.hnsw'))).toBe(false)
    const left = runChild(`
      const builders = new SegmentBuilders()
      builders.build(build('${join(folder, 'left.hnsw')}', 200_000), { collection: 'c', numThreads: 1 })
      setTimeout(() => process.exit(3), 200)
      await builders.idle()`)
    expect([left.status, left.stdout]).toEqual([3, ''])
    const waited = runChild(`
      const builders = new SegmentBuilders({ maxWorkers: 1 })
      for (const i of [1, 2]) builders.build(build('${folder}/waited' + i, 1000), { collection: 'c', numThreads: 1 })
      await builders.idle()
      console.log('done')`)
    expect([waited.status, waited.stdout]).toEqual([0, 'done\n'])
    expect(existsSync(join(folder, 'waited2'))).toBe(true)
  })
})

test('the event loop runs on while a segment is built and loaded', async () => {
  let longest = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }, 2)
  const source = await built(recipe({ count: 3_000, dimension: 256 }))
  const segment = await SealedSegment.load(source)
  clearInterval(timer)
  console.log(`longest stall while building and loading 3,000 × 256: ${longest.toFixed(1)} ms`)
  expect(longest).toBeLessThan(1_000)
  segment.release()
})
