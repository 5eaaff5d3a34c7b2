/** The rules for opening a damaged log: what each mode keeps, what it gives up, and that the store goes on. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { systemEnv } from '../../src/env.ts'
import { headKey, recordKey, storeKey } from '../../src/format/keys.ts'
import { PersistentClient } from '../../src/index.ts'
import { DiskMedium } from '../../src/log/disk-medium.ts'
import type { Handle } from '../../src/log/medium.ts'
import type { Recovery } from '../../src/log/operation-log.ts'
import { addOf, openOn } from '../log/support.ts'
import { fillStore, Workplace } from './support.ts'

const work = new Workplace()
const modes: Recovery[] = ['tolerate-tail', 'absolute', 'point-in-time', 'salvage']
let path: string
let storeId: string

afterAll(() => work.cleanUp())

// Positions: 1 the collection, 2 to 4, 5 to 7 and 8 to 10 three adds of three records each.
beforeEach(async () => {
  path = work.folder()
  const client = opened()
  const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
  for (let first = 2; first <= 8; first += 3) await notes.add(three(first))
  storeId = (await client.stats()).storeId
  await client.close()
})

describe('damage in the middle', () => {
  beforeEach(() => tamper((handle) => handle.write([], [recordKey(6)])))

  test.each(['tolerate-tail', 'absolute'] as const)('%s refuses, again and again', async (recovery) => {
    for (let round = 0; round < 2; round++)
      expect(await refusal(recovery)).toMatchObject({ code: 'log_damaged', position: 6 })
  })

  test('point-in-time keeps whole commits before it', async () => {
    await expectRecovered('point-in-time', { lost: [], truncatedTo: 4 }, ['2', '3', '4'])
  })

  test('salvage keeps everything else', async () => {
    await expectRecovered('salvage', { lost: [6], truncatedTo: null }, [
      '2',
      '3',
      '4',
      '5',
      '7',
      '8',
      '9',
      '10',
    ])
  })
})

describe('a tail that was never acknowledged', () => {
  beforeEach(async () => {
    const log = await openOn(medium())
    const commit = {
      first: 11,
      count: 3,
      committedAt: log.committedAt,
      actor: null,
      reason: null,
      idempotencyKey: null,
    }
    await log.append([11, 12, 13].map((position) => addOf(position, commit)))
    await log.close()
    await tamper((handle) => handle.write([], [recordKey(12)]))
  })

  test('goes by default, whole, and raises the epoch', async () => {
    const client = opened()
    expect(await client.stats()).toMatchObject({ head: 10, epoch: 1, storeId, recovery: { truncatedTo: 10 } })
    await client.close()
    expect(report()).toMatchObject({ mode: 'tolerate-tail', truncatedTo: 10, lost: [] })
    await expectWellAgain(['2', '3', '4', '5', '6', '7', '8', '9', '10'])
  })

  test('absolute refuses', async () => {
    expect(await refusal('absolute')).toMatchObject({ code: 'log_damaged', position: 12 })
  })
})

describe('a tail that was acknowledged', () => {
  beforeEach(() => tamper((handle) => withoutTail(handle, 7)))

  test.each(['tolerate-tail', 'absolute'] as const)('%s refuses', async (recovery) => {
    expect(await refusal(recovery)).toMatchObject({ code: 'log_damaged' })
  })

  test('point-in-time goes on with what is left', async () => {
    await expectRecovered('point-in-time', { lost: [], truncatedTo: 7 }, ['2', '3', '4', '5', '6', '7'])
  })

  test('salvage gives its positions to nobody else', async () => {
    await expectRecovered('salvage', { lost: [8, 9, 10], truncatedTo: null }, ['2', '3', '4', '5', '6', '7'])
  })
})

test('salvage mends a newest commit that has lost its end, whatever else is known of it', async () => {
  rmSync(join(path, 'metadata.sqlite3'))
  await tamper((handle) => handle.write([], [recordKey(10), headKey]))
  await expectRecovered('salvage', { lost: [10], truncatedTo: null }, [
    '2',
    '3',
    '4',
    '5',
    '6',
    '7',
    '8',
    '9',
  ])
})

test.each([
  ['head', headKey],
  ['store', storeKey],
])('a lost %s record costs no operation record', async (which, key) => {
  await tamper((handle) => handle.write([], [key]))
  for (const recovery of ['tolerate-tail', 'absolute'] as const)
    expect(await refusal(recovery)).toMatchObject({ code: 'log_damaged' })
  const client = opened('point-in-time')
  const stats = await client.stats()
  expect(stats.head).toBe(10)
  expect(stats.storeId === storeId).toBe(which === 'head')
  await client.close()
  await expectWellAgain(['2', '3', '4', '5', '6', '7', '8', '9', '10'])
})

describe('a log folder', () => {
  test.each(['removed', 'emptied'])('that was %s is missing, not new', async (how) => {
    renameSync(join(path, 'log'), join(path, 'away'))
    if (how === 'emptied') mkdirSync(join(path, 'log'))
    for (const recovery of ['tolerate-tail', 'absolute', 'tolerate-tail'] as const)
      expect(await refusal(recovery)).toMatchObject({ code: 'log_missing' })
    rmSync(join(path, 'log'), { recursive: true })
    renameSync(join(path, 'away'), join(path, 'log'))
    await expectWellAgain(['2', '3', '4', '5', '6', '7', '8', '9', '10'])
  })

  test.each(['point-in-time', 'salvage'] as const)(
    'that was removed begins anew with %s',
    async (recovery) => {
      rmSync(join(path, 'log'), { recursive: true })
      const client = opened(recovery)
      expect(await client.stats()).toMatchObject({ head: 0, recovery: { truncatedTo: 0 } })
      expect(await client.listCollections()).toEqual([])
      await client.createCollection({ name: 'anew', embeddingFunction: null })
      await client.close()
      expect(report()).toMatchObject({ mode: recovery, truncatedTo: 0 })
    },
  )

  test('without CURRENT is damaged, and left as it is; salvage gets all of it back', async () => {
    rmSync(join(path, 'log', 'CURRENT'))
    const before = readdirSync(join(path, 'log')).sort()
    for (const recovery of modes.slice(0, 3)) {
      expect(await refusal(recovery)).toMatchObject({ code: 'log_damaged' })
      expect(readdirSync(join(path, 'log')).sort()).toEqual(before)
    }
    const salvaged = opened('salvage')
    expect((await salvaged.stats()).recovery.lost).toEqual([])
    await salvaged.close()
    await expectWellAgain(['2', '3', '4', '5', '6', '7', '8', '9', '10'])
  })

  test.each([
    ['point-in-time', { lost: [], truncatedTo: 7 }],
    ['salvage', { lost: [8, 9, 10], truncatedTo: null }],
  ] as const)('whose LevelDB log was cut has lost its tail; %s goes on', async (mode, kept) => {
    const file = join(path, 'log', readdirSync(join(path, 'log')).find((name) => name.endsWith('.log'))!)
    truncateSync(file, readFileSync(file).length - 1)
    for (const recovery of ['tolerate-tail', 'absolute'] as const)
      expect(await refusal(recovery)).toMatchObject({ code: 'log_tail_lost', position: 7 })
    await expectRecovered(mode, { ...kept, lost: [...kept.lost] }, ['2', '3', '4', '5', '6', '7'])
  })

  test('in which a process died while LevelDB created its database opens', async () => {
    const fresh = work.folder()
    mkdirSync(join(fresh, 'log'), { recursive: true })
    for (const name of ['LOCK', 'LOG']) writeFileSync(join(fresh, 'log', name), '')
    writeFileSync(join(fresh, 'log', 'MANIFEST-000001'), 'torn')
    const client = new PersistentClient({ path: fresh })
    expect((await client.stats()).head).toBe(0)
    await client.close()
  })

  test.each(modes)('that is well, or new, opens with %s as if nothing were', async (recovery) => {
    for (const folder of [path, work.folder()]) {
      const client = new PersistentClient({ path: folder, recovery })
      expect(await client.stats()).toMatchObject({ epoch: 0, recovery: { lost: [], truncatedTo: null } })
      await client.close()
      expect(existsSync(join(folder, 'recovery-report.json'))).toBe(false)
    }
  })
})

test('a bit in the middle of LevelDB’s log, which LevelDB does not mind, keeps the store from opening', async () => {
  const source = work.folder()
  await fillStore(source, true)
  const name = readdirSync(join(source, 'log')).find((file) => file.endsWith('.log'))!
  const { length } = readFileSync(join(source, 'log', name))
  for (const share of [0.1, 0.4, 0.7]) {
    path = work.copy(source)
    const bytes = readFileSync(join(path, 'log', name))
    bytes[Math.floor(length * share)]! ^= 1
    writeFileSync(join(path, 'log', name), bytes)
    expect(await refusal('tolerate-tail')).toMatchObject({
      code: 'log_damaged',
      position: expect.any(Number),
    })
    expect(await refusal('tolerate-tail')).toMatchObject({ code: 'log_damaged' })
  }
})

describe('a salvaged log', () => {
  test('that has lost deletions still makes a store', async () => {
    const client = opened()
    const notes = await client.getCollection({ name: 'notes' })
    const lost: number[] = []
    lost.push((await notes.delete({ ids: ['3'] })).position)
    await notes.add({ ids: ['3'], embeddings: [[9, 9, 9]] })
    lost.push((await client.createDatabase({ name: 'other' })).position + 1)
    await client.deleteDatabase({ name: 'other' })
    await client.createDatabase({ name: 'other' })
    lost.push((await client.deleteCollection({ name: 'notes' })).position)
    await (await client.createCollection({ name: 'notes', embeddingFunction: null })).add(three(50))
    await client.close()
    await tamper((handle) => handle.write([], lost.map(recordKey)))
    await expectRecovered('salvage', { lost, truncatedTo: null }, ['50', '51', '52'])
  })

  test('gives no label out twice', async () => {
    const client = opened()
    const notes = await client.getCollection({ name: 'notes' })
    const { position } = await notes.update({ ids: ['4'], embeddings: [[7, 7, 7]] })
    await notes.update({ ids: ['4'], metadatas: [{ later: true }] })
    await client.close()
    await tamper((handle) => handle.write([], [recordKey(position)]))
    const salvaged = opened('salvage')
    const mended = await salvaged.getCollection({ name: 'notes' })
    await mended.add({ ids: ['new'], embeddings: [[8, 8, 8]] })
    const { ids } = await mended.query({ queryEmbeddings: [[8, 8, 8]], nResults: 1 })
    expect(ids).toEqual([['new']])
    await salvaged.close()
  })
})

function opened(recovery?: Recovery): PersistentClient {
  return new PersistentClient({ path, ...(recovery && { recovery }) })
}

function three(first: number) {
  const numbers = [first, first + 1, first + 2]
  return { ids: numbers.map(String), embeddings: numbers.map((n) => [n, 1, 0]) }
}

function medium(): DiskMedium {
  return new DiskMedium(join(path, 'log'), { reserveBytes: 0, env: systemEnv })
}

async function tamper(change: (handle: Handle) => Promise<void>): Promise<void> {
  const handle = await medium().open()
  await change(handle)
  await handle.close()
}

function withoutTail(handle: Handle, head: number): Promise<void> {
  return handle.write(
    [],
    Array.from({ length: 10 - head }, (_, index) => recordKey(head + 1 + index)),
  )
}

async function refusal(recovery: Recovery): Promise<unknown> {
  const client = opened(recovery)
  try {
    await client.open()
  } catch (error) {
    return error
  } finally {
    await client.close()
  }
  return 'it opened'
}

function report(): unknown {
  return JSON.parse(readFileSync(join(path, 'recovery-report.json'), 'utf8'))
}

async function expectRecovered(
  recovery: Recovery,
  { lost, truncatedTo }: { lost: number[]; truncatedTo: number | null },
  ids: string[],
): Promise<void> {
  const client = opened(recovery)
  expect(await client.stats()).toMatchObject({ epoch: 1, recovery: { lost, truncatedTo } })
  await client.close()
  expect(report()).toMatchObject({
    mode: recovery,
    truncatedTo,
    lost: lost.map((position) => ({ position })),
  })
  await expectWellAgain(ids)
}

/** Opens by default, strictly, and from the log alone; answers; and takes writes. */
async function expectWellAgain(ids: string[]): Promise<void> {
  for (const recovery of ['tolerate-tail', 'absolute'] as const) {
    const client = opened(recovery)
    const notes = await client.getCollection({ name: 'notes' })
    expect((await notes.get()).ids.filter((id) => !id.startsWith('after'))).toEqual(ids)
    await notes.upsert({ ids: [`after ${recovery}`], embeddings: [[0, 0, 5]] })
    const answer = await notes.query({ queryEmbeddings: [[0, 0, 5]], nResults: 1 })
    expect(answer.ids[0]).toEqual([`after ${recovery}`.replace('absolute', 'tolerate-tail')])
    await client.close()
    rmSync(join(path, 'metadata.sqlite3'))
  }
}
