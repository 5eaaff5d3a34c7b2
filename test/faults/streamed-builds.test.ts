/** Segments that are built from a source of rows, without their vectors ever being in memory together. */
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  buildSegment,
  type RowSource,
  type SegmentBuild,
} from '../../src/projections/vectors/segment-build.ts'
import { randomFrom } from '../portability/support.ts'

const dimension = 16
const count = 1_000
const blockRows = 300

describe('a segment built from a source of rows', () => {
  let folder: string
  const random = randomFrom(7)
  const matrix = new Float32Array(new SharedArrayBuffer(4 * count * dimension)).map(() => random() - 0.5)

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'annals-streamed-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  function build(name: string, rows: RowSource | Float32Array, signal?: AbortSignal): SegmentBuild {
    const parameters = {
      dimension,
      space: 'l2',
      firstLabel: 40,
      count,
      maxNeighbors: 8,
      efConstruction: 60,
    } as const
    return { ...parameters, matrix: rows, file: join(folder, name), ...(signal && { signal }) }
  }

  /** The rows of the matrix in one buffer, block after block. */
  async function* blocks(until = count): AsyncGenerator<Float32Array> {
    const block = new Float32Array(new SharedArrayBuffer(4 * blockRows * dimension))
    for (let row = 0; row < until; row += blockRows) {
      const some = matrix.subarray(row * dimension, Math.min(until, row + blockRows) * dimension)
      block.set(some)
      yield block.subarray(0, some.length)
    }
  }

  async function expectFailure(name: string, rows: RowSource, reason: string): Promise<void> {
    const failing = buildSegment(build(name, rows))
    await expect(failing).rejects.toMatchObject({
      code: 'segment_damaged',
      message: expect.stringContaining(reason),
    })
    expect(readdirSync(folder).filter((file) => file.startsWith(name))).toEqual([])
  }

  test('is the file that a matrix gives, byte for byte', async () => {
    const whole = new Float32Array(new SharedArrayBuffer(4 * count * dimension))
    whole.set(matrix)
    const fromMatrix = await buildSegment(build('matrix', whole))
    const fromSource = await buildSegment(build('source', () => blocks()))
    expect(fromSource).toEqual(fromMatrix)
    expect(await readFile(join(folder, 'source'))).toEqual(await readFile(join(folder, 'matrix')))
  })

  test('that gives too few rows fails, and leaves no file', async () => {
    await expectFailure('few', () => blocks(700), 'its source gave 700 vectors instead of 1000')
  })

  test('that throws fails with its error', async () => {
    async function* broken(): AsyncGenerator<Float32Array> {
      yield* blocks(blockRows)
      throw new Error('the log is damaged')
    }
    await expectFailure('broken', broken, 'the log is damaged')
  })

  test('ends when it is told to, also while it waits for rows', async () => {
    const stop = new AbortController()
    async function* slow(): AsyncGenerator<Float32Array> {
      yield* blocks(blockRows)
      stop.abort(new Error('enough'))
      yield* blocks()
    }
    await expect(buildSegment(build('stopped', slow, stop.signal))).rejects.toThrow('enough')
    expect(existsSync(join(folder, 'stopped'))).toBe(false)
  })
})
