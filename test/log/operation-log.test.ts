/** What every `OperationLog` promises, on every medium. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { recordKey } from '../../src/format/keys.ts'
import type { Handle, Medium } from '../../src/log/medium.ts'
import { MerkleFrontier } from '../../src/log/merkle-tree.ts'
import type { LogEntry, OperationLog } from '../../src/log/operation-log.ts'
import type { OperationRecord } from '../../src/types.ts'
import { addOf, commitOf, markOf, openOn, type Site, sites } from './support.ts'

for (const [name, create] of Object.entries(sites))
  describe(`a log ${name}`, () => {
    let site: Site
    let medium: Medium
    let log: OperationLog

    beforeEach(async () => {
      site = create()
      medium = site.medium
      log = await openOn(medium)
    })

    afterEach(async () => {
      await log.close()
      site.cleanUp()
    })

    const reopened = async (): Promise<OperationLog> => {
      await log.close()
      log = await openOn(medium)
      return log
    }

    test('begins empty', async () => {
      expect(log.head).toBe(0)
      expect(log.committedAt).toBe(0)
      expect(log.epoch).toBe(0)
      expect(log.root.toString('hex')).toBe(
        'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      )
      expect(await all(log)).toEqual([])
      expect((await reopened()).head).toBe(0)
    })

    test('gives back what was appended, now and after opening again', async () => {
      const commits = [commitOf(1, 3), commitOf(4, 1, 1_700_000_000_001), commitOf(5, 600, 1_700_000_000_002)]
      for (const records of commits) await log.append(records)
      const check = async () => {
        expect(log.head).toBe(604)
        expect(log.committedAt).toBe(1_700_000_000_002)
        expect((await all(log)).map(({ record }) => record)).toEqual(commits.flat())
        expect(await log.read(4)).toEqual(commits[1]![0])
        expect(await log.readMany([604, 1, 4, 1])).toEqual([
          commits[2]!.at(-1),
          commits[0]![0],
          commits[1]![0],
          commits[0]![0],
        ])
        expect(await log.readMany([])).toEqual([])
      }
      await check()
      await reopened()
      await check()
    })

    test('takes every type of operation record as it is', async () => {
      const records = everyType()
      await log.append(records)
      await reopened()
      expect((await all(log)).map(({ record }) => record)).toEqual(records)
    })

    test('reads ranges: exclusive start, inclusive end, across pages', async () => {
      await log.append(commitOf(1, 1000))
      const positions = async (after?: number, until?: number) =>
        (await all(log, after, until)).map(({ record }) => record.position)
      expect(await positions(0, 1)).toEqual([1])
      expect(await positions(255, 257)).toEqual([256, 257])
      expect(await positions(1000)).toEqual([])
      expect(await positions(5, 3)).toEqual([])
      expect(await positions()).toHaveLength(1000)
      expect(await positions(998, 1000)).toEqual([999, 1000])
    })

    test('keeps a range that began before an append at the head of its beginning', async () => {
      await log.append(commitOf(1, 300))
      const range = log.range()
      await range.next()
      await log.append(commitOf(301, 5))
      let last = 0
      for await (const { record } of range) last = record.position
      expect(last).toBe(300)
    })

    test('refuses every position that is not the next one, and writes nothing then', async () => {
      await log.append(commitOf(1, 2))
      const { root } = log
      const gap = commitOf(3, 3)
      gap[2]!.position = 7
      for (const records of [commitOf(2, 1), commitOf(4, 1), commitOf(1, 3), gap])
        await expect(log.append(records)).rejects.toMatchObject({ code: 'internal' })
      expect((await reopened()).head).toBe(2)
      expect(log.root).toEqual(root)
    })

    test('takes an append of nothing as nothing', async () => {
      await log.append([])
      expect(log.head).toBe(0)
    })

    test('refuses positions that are not reached', async () => {
      await log.append(commitOf(1, 2))
      for (const position of [0, -1, 3, 1.5, Number.NaN, 2 ** 53])
        await expect(log.read(position)).rejects.toMatchObject({ code: 'position_not_reached' })
      await expect(log.readMany([1, 3])).rejects.toMatchObject({ code: 'position_not_reached' })
    })

    test('keeps root and frontier in step with the leaves, however they were grouped', async () => {
      const naive = new MerkleFrontier()
      for (let first = 1; first <= 64; first += 7) {
        await log.append(commitOf(first, 7, first))
        for (const { leaf } of await all(log, first - 1)) naive.append(leaf)
        expect(log.root).toEqual(naive.root())
        expect(log.frontier.peaks).toEqual(naive.peaks)
      }
      const root = log.root
      expect((await reopened()).root).toEqual(root)
    })

    test('hands out a frontier that is the caller’s own', async () => {
      await log.append(commitOf(1, 1))
      const { root } = log
      log.frontier.append(Buffer.alloc(32))
      expect(log.root).toEqual(root)
    })

    test('is refused once it is closed, and closing is idempotent', async () => {
      await log.append(commitOf(1, 1))
      await log.close()
      await log.close()
      await expect(log.append(commitOf(2, 1))).rejects.toMatchObject({
        code: 'store_closed',
        fate: 'not_written',
      })
      await expect(log.read(1)).rejects.toMatchObject({ code: 'store_closed' })
    })

    test('keeps its identity', async () => {
      const { storeId } = log
      expect(storeId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      expect((await reopened()).storeId).toBe(storeId)
    })

    test('reports a hole, a foreign frame and a flipped bit wherever they are read', async () => {
      await log.append(commitOf(1, 9))
      await log.close()
      const damages: [string, (handle: Handle, frame: Buffer) => Promise<void>][] = [
        ['hole', (handle) => handle.write([], [recordKey(5)])],
        ['foreign', async (handle) => handle.write([{ key: recordKey(5), value: (await at(handle, 6))! }])],
        [
          'flip',
          (handle, frame) =>
            handle.write([{ key: recordKey(5), value: Buffer.from(frame).fill(frame[50]! ^ 4, 50, 51) }]),
        ],
      ]
      for (const [, damage] of damages) {
        const handle = await medium.open()
        const frame = (await at(handle, 5))!
        await damage(handle, frame)
        await handle.close()
        await expect(openOn(medium)).rejects.toMatchObject({ code: 'log_damaged', position: 5 })
        const mender = await medium.open()
        await mender.write([{ key: recordKey(5), value: frame }])
        await mender.close()
      }
      log = await openOn(medium)
      expect(log.head).toBe(9)
    })

    test('compares itself with what was acknowledged', async () => {
      await log.append(commitOf(1, 4))
      const early = markOf(log)
      await log.append(commitOf(5, 4))
      const late = markOf(log)
      const otherTree = { ...late, frontier: new MerkleFrontier(8, [Buffer.alloc(32)]) }
      await log.close()
      for (const mark of [early, late, null]) {
        log = await openOn(medium, { mark })
        await log.close()
      }
      const marks = [
        { ...late, position: 9, frontier: new MerkleFrontier(9, [Buffer.alloc(32), Buffer.alloc(32)]) },
        { ...late, storeId: '00000000-0000-4000-8000-000000000000' },
        otherTree,
      ]
      for (const mark of marks)
        await expect(openOn(medium, { mark })).rejects.toMatchObject({ code: 'log_tail_lost' })
    })
  })

async function all(log: OperationLog, after?: number, until?: number): Promise<LogEntry[]> {
  const found: LogEntry[] = []
  const options = { ...(after !== undefined && { after }), ...(until !== undefined && { until }) }
  for await (const entry of log.range(options)) found.push(entry)
  return found
}

function at(handle: Handle, position: number): Promise<Buffer | undefined> {
  return handle.get(recordKey(position))
}

function everyType(): OperationRecord[] {
  const commit = (first: number, count = 1) => ({
    first,
    count,
    committedAt: 1_700_000_000_000,
    actor: null,
    reason: 'Ünïcode 🕰',
    idempotencyKey: `key ${first}`,
  })
  const tenant = 'default_tenant'
  const configuration = { hnsw: {}, embedding_function: null } as never
  const state = { name: 'notes', tenant, database: 'd', metadata: { a: true }, configuration }
  const collection = '00000000-0000-4000-8000-0000000000ff'
  const add = addOf(6, commit(6))
  return [
    { type: 'create-tenant', position: 1, commit: commit(1), tenant: 't' },
    {
      type: 'create-database',
      position: 2,
      commit: commit(2),
      databaseId: collection,
      tenant,
      database: 'd',
    },
    {
      type: 'delete-database',
      position: 3,
      commit: commit(3),
      databaseId: collection,
      tenant,
      database: 'd',
    },
    { type: 'create-collection', position: 4, commit: commit(4), collection, previous: 0, state },
    {
      type: 'modify-collection',
      position: 5,
      commit: commit(5),
      collection,
      previous: 4,
      state: { ...state, metadata: null },
    },
    add,
    {
      ...add,
      type: 'update',
      position: 7,
      commit: commit(7, 2),
      previous: 6,
      state: { vector: null, document: null, uri: 'u', metadata: null },
    },
    { ...add, type: 'delete', position: 8, commit: commit(7, 2), previous: 7, state: null },
    { type: 'delete-collection', position: 9, commit: commit(9), collection, previous: 5, state },
    { type: 'lost', position: 10, commit: commit(10) },
  ]
}
