import { readFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import {
  crashes,
  flipped,
  Live,
  main,
  open,
  outcome,
  pagesIn,
  partly,
  rowsOf,
  shm,
  sidecar,
  wal,
  without,
} from './page-digests-support.ts'

describe('crashes are sound', () => {
  const orders: [string, (pages: number[]) => number[]][] = [
    ['ascending', (pages) => pages],
    ['descending', (pages) => pages.toReversed()],
    [
      'odd pages first',
      (pages) => [...pages.filter((page) => page % 2 === 1), ...pages.filter((page) => page % 2 === 0)],
    ],
  ]

  test.each(orders)('while the database grows: pages copied %s', async (_, ordered) => {
    const live = new Live().insert(10)
    live.fold()
    live.insert(8)
    live.db.exec("UPDATE t SET text = 'changed' WHERE id % 3 = 0")
    const { rows } = live
    const fold = live.fold()
    for (const [moment, disk] of crashes(fold, ordered(pagesIn(fold.after[main]!))))
      expect(await outcome(disk), moment).toBe(rows)
  })

  test.each(orders)('while it shrinks: pages copied %s', async (_, ordered) => {
    const live = new Live('FULL').insert(25)
    live.fold()
    live.db.exec('DELETE FROM t WHERE id > 6')
    const { rows } = live
    const fold = live.fold()
    expect(fold.after[main]!.length).toBeLessThan(fold.before[main]!.length)
    for (const [moment, disk] of crashes(fold, ordered(pagesIn(fold.after[main]!))))
      expect(await outcome(disk), moment).toBe(rows)
    const half = (fold.before[main]!.length + fold.after[main]!.length) / 2
    const cut = partly(fold, pagesIn(fold.after[main]!)).subarray(0, half)
    expect(await outcome({ ...fold.before, [sidecar]: fold.after[sidecar]!, [main]: cut })).toBe(rows)
  })

  test('while the pages at the end were taken and freed at once', async () => {
    const live = new Live().insert(5)
    live.fold()
    live.db.exec('BEGIN')
    live.insert(1, 20_000)
    live.db.exec('DELETE FROM t WHERE length(text) > 1000; COMMIT')
    const { rows } = live
    const fold = live.fold()
    for (const [moment, disk] of crashes(fold, pagesIn(fold.after[main]!)))
      expect(await outcome(disk), moment).toBe(rows)
  })

  test('after a fold that a viewer kept from ending, and after writing on', async () => {
    const live = new Live().insert(5)
    live.fold()
    const viewer = new Database(live.db.name, { readonly: true })
    open.push(viewer)
    live.insert(5)
    viewer.exec('BEGIN')
    const seen = rowsOf(viewer)
    live.insert(5)
    const before = live.disk
    // A fold that waited for the viewer would wait so long.
    const patienceMs = 30_000
    live.db.pragma(`busy_timeout = ${patienceMs}`)
    const began = performance.now()
    expect(live.digests.fold(live.db)).toBe(false)
    expect(performance.now() - began).toBeLessThan(patienceMs)
    expect(live.db.pragma('busy_timeout', { simple: true })).toBe(patienceMs)
    expect(live.disk[main]!.equals(before[main]!)).toBe(false)
    expect(await outcome(live.disk)).toBe(live.rows)
    live.insert(5)
    expect(await outcome(live.disk)).toBe(live.rows)
    expect(rowsOf(viewer)).toBe(seen)
    viewer.close()
    const { rows } = live
    const fold = live.fold()
    for (const [moment, disk] of crashes(fold, pagesIn(fold.after[main]!)))
      expect(await outcome(disk), moment).toBe(rows)
  })

  test('whatever the memory index holds that the crash left behind', async () => {
    const live = new Live().insert(10)
    live.fold()
    live.insert(10)
    const index = readFileSync(`${live.db.name}-shm`)
    // Every third of them.
    const places = [...index.keys()].filter((at) => index[at] !== 0).filter((_, number) => number % 3 === 0)
    expect(places.length).toBeGreaterThan(40)
    for (const at of places)
      expect(await outcome({ ...live.disk, [shm]: flipped(index, at) })).toBe(live.rows)
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(32_768),
      Buffer.alloc(32_768, 255),
      index.subarray(0, 77),
    ])
      expect(await outcome({ ...live.disk, [shm]: bytes })).toBe(live.rows)
  })

  test('a log that lost its end, as after a power cut, is a shorter log', async () => {
    const live = new Live().insert(5)
    live.fold()
    const commits = new Set([live.rows])
    for (let round = 0; round < 4; round++) commits.add(live.insert(2).rows)
    for (let size = 0; size < live.disk[wal]!.length; size += 211)
      expect(commits).toContain(await outcome({ ...live.disk, [wal]: live.disk[wal]!.subarray(0, size) }))
    expect(commits).toContain(await outcome(without(live.disk, wal)))
  })

  test('nothing there is a fresh database', async () => {
    expect(await outcome({})).toBe('fresh')
  })
})
