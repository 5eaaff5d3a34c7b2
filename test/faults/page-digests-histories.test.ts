import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkPages, type PageDigests } from '../../src/projections/metadata/page-digests.ts'
import { Digests } from '../../src/projections/metadata/page-digests-worker.ts'
import {
  type Disk,
  diskOf,
  flipped,
  Live,
  main,
  outcome,
  pageBytes,
  partly,
  prepared,
  root,
  rowsOf,
  sidecar,
  wal,
} from './page-digests-support.ts'

describe('in any history of writes, folds and crashes', () => {
  type Step =
    | { do: 'insert'; rows: number; length: number }
    | { do: 'delete' | 'update'; nth: number }
    | { do: 'taken and freed'; length: number }
    | { do: 'vacuum' | 'fold' | 'reopen' | 'kill' | 'view' }
    | { do: 'crash'; copied: number[]; cut: number }
  const steps: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('insert' as const),
        rows: fc.integer({ min: 1, max: 8 }),
        length: fc.constantFrom(10, 300, 3000),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('delete' as const, 'update' as const),
        nth: fc.integer({ min: 1, max: 4 }),
      }),
    },
    fc.record({ do: fc.constant('taken and freed' as const), length: fc.constantFrom(2000, 9000) }),
    fc.record({
      do: fc.constantFrom(
        'vacuum' as const,
        'fold' as const,
        'reopen' as const,
        'kill' as const,
        'view' as const,
      ),
    }),
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('crash' as const),
        copied: fc.array(fc.nat({ max: 40 })),
        cut: fc.nat(),
      }),
    },
  )
  let run = 0

  /** Plays a history on a real database and keeps what its commits since the last fold showed. */
  class History {
    readonly folder: string
    db!: Database.Database
    digests!: PageDigests
    commits: string[] = []

    constructor(autoVacuum: string) {
      run += 1
      this.folder = join(root, `history-${run}`)
      const live = new Live(autoVacuum, this.folder)
      this.db = live.db
      this.digests = live.digests
      this.commits = [live.rows]
    }

    async play(step: Step): Promise<void> {
      if (step.do === 'fold') this.fold()
      else if (step.do === 'reopen') await this.reopen(() => this.digests.close(this.db))
      else if (step.do === 'kill') await this.reopen(() => this.restore(diskOf(this.folder)))
      else if (step.do === 'view') this.foldUnderView()
      else if (step.do === 'crash') await this.crash(step.copied, step.cut)
      else this.write(step)
      expect(rowsOf(this.db)).toBe(this.commits.at(-1))
    }

    write(step: Step): void {
      const insert = this.db.prepare('INSERT INTO t (text) VALUES (hex(randomblob(?)))')
      this.db.transaction(() => {
        if (step.do === 'insert') for (let row = 0; row < step.rows; row++) insert.run(step.length / 2)
        else if (step.do === 'delete') this.db.prepare('DELETE FROM t WHERE id % 4 < ?').run(step.nth)
        else if (step.do === 'update')
          this.db.prepare('UPDATE t SET text = text || ? WHERE id % 4 < ?').run('+', step.nth)
        else if (step.do === 'taken and freed') {
          const { lastInsertRowid } = insert.run(step.length / 2)
          this.db.prepare('DELETE FROM t WHERE id = ?').run(lastInsertRowid)
        }
      })()
      if (step.do === 'vacuum') this.db.exec('VACUUM')
      this.commits.push(rowsOf(this.db))
    }

    fold(): void {
      expect(this.digests.fold(this.db)).toBe(true)
      this.commits = this.commits.slice(-1)
    }

    /** Folds in part; the log stays, and so does every commit in it. */
    foldUnderView(): void {
      const viewer = new Database(this.db.name, { readonly: true })
      viewer.exec('BEGIN')
      rowsOf(viewer)
      this.write({ do: 'insert', rows: 1, length: 300 })
      this.digests.fold(this.db)
      viewer.close()
      this.commits = this.commits.slice(-1)
    }

    /** Leaves a fold after some pages, or without a fold cuts the log; both as a crash would. */
    async crash(copied: number[], cut: number): Promise<void> {
      const before = diskOf(this.folder)
      if (copied.length === 0) {
        const bytes = before[wal] ?? Buffer.alloc(0)
        await this.crashed({ ...before, [wal]: bytes.subarray(0, cut % (bytes.length + 1)) })
        return
      }
      this.fold()
      const after = diskOf(this.folder)
      if ((before[wal]?.length ?? 0) === 0) return
      const pages = copied.filter((page) => page > 0 && page * pageBytes <= after[main]!.length)
      const left: Disk = { ...before, [sidecar]: after[sidecar]!, [main]: partly({ before, after }, pages) }
      expect(await outcome(left)).toBe(this.commits.at(-1))
      const log = left[wal]!
      const lost = await outcome({ ...left, [wal]: log.subarray(0, cut % log.length) })
      expect(['damaged', this.commits.at(-1)]).toContain(lost)
      await this.reopen(() => this.restore(left))
    }

    /** A log that was folded in part may be cut below what was folded: then it is damaged, and not a crash. */
    async crashed(disk: Disk): Promise<void> {
      const found = await outcome(disk)
      if (found === 'damaged') return
      expect(this.commits).toContain(found)
      await this.reopen(() => this.restore(disk))
      this.commits = this.commits.slice(0, this.commits.indexOf(found) + 1)
    }

    /** Puts back what the disk held, as if the process had been killed then. */
    restore(disk: Disk): void {
      this.db.close()
      rmSync(this.folder, { recursive: true })
      mkdirSync(this.folder)
      for (const [name, bytes] of Object.entries(disk)) writeFileSync(join(this.folder, name), bytes)
    }

    async reopen(leave: () => void): Promise<void> {
      leave()
      const check = await checkPages(join(this.folder, main))
      if (check.state !== 'sound') throw new Error(JSON.stringify(check))
      this.db = prepared(join(this.folder, main))
      this.digests = check.digests
    }
  }

  test('SQLite shows a commit that was made, and the newest when nothing was lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('NONE', 'FULL'),
        fc.array(steps, { minLength: 3, maxLength: 25 }),
        async (autoVacuum, history) => {
          const played = new History(autoVacuum)
          for (const step of history) await played.play(step)
          played.digests.close(played.db)
          expect(await outcome(diskOf(played.folder))).toBe(played.commits.at(-1))
        },
      ),
      { numRuns: Number(process.env.ANNALS_HISTORIES ?? 60) },
    )
  })
})

test('digests of a resized database keep what was known and know nothing of the rest', () => {
  const image = Buffer.alloc(pageBytes, 7)
  const digests = new Digests(new Uint8Array()).resized(2)
  digests.set(2, image)
  const grown = digests.resized(3)
  expect([grown.pages, grown.agrees(2, image), grown.agrees(2, flipped(image, 9))]).toEqual([3, true, false])
  expect(grown.agrees(3, image)).toBe(true)
  expect(grown.resized(1).pages).toBe(1)
})
