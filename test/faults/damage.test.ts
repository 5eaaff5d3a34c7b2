/** Every file of a store in turn is removed, cut and flipped: the answer is right, or an error with a name. */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answersOf } from './children/answers.js'
import { digestOf, filesBelow, fillStore, judge, type Outcome, sizeOf, Workplace } from './support.ts'

interface Damage {
  what: string
  apply: (path: string) => void
}

const work = new Workplace()
let store: string
let expected: string

afterAll(() => work.cleanUp())

describe.each([
  ['a closed store', false],
  ['the store of a killed process', true],
])('%s', (_, killed) => {
  beforeAll(async () => {
    store = work.folder()
    await fillStore(store, killed)
    expected = digestOf(await answersOf(work.copy(store)))
  })

  test('holds what this suite is about', () => {
    const files = filesBelow(store)
    for (const kind of [/^log\/\d+\.log$/, /^log\/\d+\.ldb$/, /^segments\/.+\.hnsw$/, /^metadata\.sqlite3$/])
      expect(files.some((file) => kind.test(file))).toBe(true)
    expect(files.includes('metadata.sqlite3-wal')).toBe(killed)
  })

  test.each([
    ['LevelDB’s log', /^log\/\d+\.log$/],
    ['LevelDB’s tables', /^log\/\d+\.ldb$/],
    ['the rest of the log folder', /^log\/(?!\d+\.(log|ldb)$)/],
    ['the metadata', /^metadata\./],
    ['the segments', /^segments\//],
  ])('survives damage to %s', async (__, pattern) => {
    const wrong = await wrongOutcomes(pattern)
    expect(wrong).toEqual([])
  })
})

async function wrongOutcomes(pattern: RegExp): Promise<string[]> {
  const cases = new Map<string, string>()
  for (const file of filesBelow(store).filter((name) => pattern.test(name)))
    for (const { what, apply } of damagesFor(file, sizeOf(join(store, file)))) {
      const folder = work.copy(store)
      apply(join(folder, file))
      cases.set(folder, `${file}: ${what}`)
    }
  expect(cases.size).toBeGreaterThan(0)
  const folders = [...cases.keys()]
  const half = Math.ceil(folders.length / 2)
  const found = await Promise.all([judge(folders.slice(0, half)), judge(folders.slice(half))])
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  return found
    .flatMap((outcomes) => [...outcomes])
    .filter(([, outcomes]) => !outcomes.every(isRight))
    .map(([folder, outcomes]) => `${cases.get(folder)}: ${JSON.stringify(outcomes)}`)
}

/** Only what the log has lost is allowed to be an error, and then it is one of these. */
function isRight({ answers, code }: Outcome): boolean {
  if (answers !== undefined) return answers === expected
  return (
    code === 'log_damaged' || code === 'log_tail_lost' || code === 'log_missing' || code === 'log_unavailable'
  )
}

function damagesFor(file: string, size: number): Damage[] {
  const cuts = [...new Set([0, size >>> 1, size - 1])].filter((length) => length >= 0 && length < size)
  const flips: number[] = []
  for (let at = Math.min(13, size - 1); at >= 0 && at < size; at += strideOf(file, size)) flips.push(at)
  if (size > 64) flips.push(size - 5)
  const zeroed = { what: 'a block of zeros in the middle', apply: (path: string) => zero(path, size >>> 1) }
  return [
    ...(size >= 8192 ? [zeroed] : []),
    { what: 'removed', apply: (path) => rmSync(path) },
    ...cuts.map((length) => ({
      what: `cut to ${length} of ${size}`,
      apply: (path: string) => truncateSync(path, length),
    })),
    ...flips.map((at) => ({
      what: `bit flipped at ${at} of ${size}`,
      apply: (path: string) => flip(path, at),
    })),
  ]
}

/** How far apart bits are flipped in a file. */
function strideOf(file: string, size: number): number {
  if (file.startsWith('log/')) return Math.min(2500, Math.max(64, size >>> 3))
  // What is derived from the log is opened by its digests, which have suites of their own: a few bits will do here.
  if (process.env.ANNALS_KILL_CYCLES === undefined) return Math.min(49_152, Math.max(64, size >>> 2))
  return Math.min(size < 8192 ? 997 : 4096, Math.max(64, size >>> 3))
}

function zero(path: string, from: number): void {
  writeFileSync(path, readFileSync(path).fill(0, from, from + 4096))
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 1 << (at % 8)
  writeFileSync(path, bytes)
}
