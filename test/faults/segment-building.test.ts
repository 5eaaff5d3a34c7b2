import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { SealedSegment } from '../../src/projections/vectors/sealed-segment.ts'
import { buildSegment, type SegmentBuild } from '../../src/projections/vectors/segment-build.ts'
import { SegmentBuilders } from '../../src/projections/vectors/segment-builders.ts'
import { built, folder, recipe } from './segment-support.ts'

const buildUrl = pathToFileURL(resolve('dist/projections/vectors/segment-build.js')).href
const buildersUrl = pathToFileURL(resolve('dist/projections/vectors/segment-builders.js')).href

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
    // In a thread of its own, so that they change whatever this one is held up by.
    const changing = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       for (let n = 0; ; n++) { workerData.fill(Math.random()); if (n === 0) parentPort.postMessage('begun') }`,
      { eval: true, workerData: build.matrix },
    )
    await once(changing, 'message')
    await expect(buildSegment(build))
      .rejects.toEqual(failed(build.file))
      .finally(() => changing.terminate())
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
function runChild(code: string, prefix: string[] = []): { status: number | null; stdout: string } {
  const script = `
    import { buildSegment } from '${buildUrl}'
    import { SegmentBuilders } from '${buildersUrl}'
    const build = (file, count) => {
      const matrix = new Float32Array(new SharedArrayBuffer(count * 64)).map(() => Math.random())
      const shared = new Float32Array(new SharedArrayBuffer(count * 64))
      shared.set(matrix)
      return { matrix: shared, dimension: 16, space: 'l2', firstLabel: 0, count, maxNeighbors: 16,
        efConstruction: 200, file }
    }
    ${code}`
  const [command, ...rest] = [...prefix, process.execPath, '--input-type=module', '-e', script]
  const child = spawnSync(command!, rest, { encoding: 'utf8', timeout: 200_000 })
  return { status: child.status, stdout: child.stdout + child.stderr }
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
