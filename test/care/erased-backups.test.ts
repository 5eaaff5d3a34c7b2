import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Client,
  EphemeralClient,
  type Erasure,
  PersistentClient,
  replay,
  restore,
} from '../../src/index.ts'

const erased = { collection: 'people', ids: ['ada'] }

describe('an erasure names the backups that still hold the record', () => {
  let folder: string
  let client: Client
  const at = (name: string) => join(folder, name)
  const listFile = () => at('store/backups.json')

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'annals-backups-'))
    client = new PersistentClient({ path: at('store') })
    await client.createCollection({ name: 'people' }) // position 1
    await put('ada', 'first') // 2
    await put('bob', 'other') // 3
  })

  afterEach(async () => {
    await client.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function put(id: string, document: string): Promise<number> {
    const people = await client.getCollection({ name: 'people' })
    const { position } = await people.upsert({ ids: [id], embeddings: [[1, 2, 3]], documents: [document] })
    return position
  }

  async function reopen(between: () => void = () => undefined): Promise<void> {
    await client.close()
    between()
    client = new PersistentClient({ path: at('store') })
  }

  /** Folder, positions and presence of each backup that was named. */
  function named({ backups }: Erasure): unknown[] {
    return backups.map(({ path, positions, present }) => [path.slice(folder.length + 1), positions, present])
  }

  test('what a fork has taken over, and what the forks hold that go with it', async () => {
    await client.backup(at('before'), { until: 2 })
    const people = await client.getCollection({ name: 'people' })
    const copy = await people.fork({ name: 'copy' }) // 4, ada 5, bob 6
    await copy.update({ ids: ['ada'], metadatas: [{ of: 'copy' }] }) // 7
    await client.backup(at('copy'), { from: 6 })
    await people.delete({ ids: ['ada'] }) // 8
    await client.setRetention({ history: { days: 0 } }, { collection: 'people' })
    await client.vacuum()
    const fromFork = await client.erase({ collection: 'copy', ids: ['ada'] })
    expect(fromFork.certificate?.forks).toBeUndefined()
    expect(named(fromFork)).toEqual([
      ['before', [2], true],
      ['copy', [7], true],
    ])
    await copy.update({ ids: ['bob'], metadatas: [{ of: 'copy' }] })
    const { head } = await client.stats()
    await client.backup(at('bob'), { from: head - 1 })
    const withForks = await client.erase({ collection: 'people', ids: ['bob'], forks: true })
    expect(named(withForks)).toEqual([['bob', [head], true]])
  })

  test('full ones and incremental ones, by what they cover, also after the store was opened again', async () => {
    await client.backup(at('full'))
    const second = await put('ada', 'second')
    await client.backup(at('full'))
    await client.backup(at('second'), { from: 3 })
    await put('bob', 'changed')
    await client.backup(at('bob'), { from: second })
    await reopen()
    const erasure = await client.erase(erased)
    expect(named(erasure)).toEqual([
      ['full', [2, second], true],
      ['second', [second], true],
    ])
    expect(erasure.backups[1]).toMatchObject({ after: 3, until: second })
    const manifest = JSON.parse(readFileSync(at('full/backup.json'), 'utf8')) as { createdAt: string }
    expect(erasure.backups[0]?.createdAt).toEqual(new Date(manifest.createdAt))
    expect(erasure.backupsComplete).toBe(true)
  })

  test('says which are not where they were made; another backup in the same folder is another one', async () => {
    await client.backup(at('moved'))
    await client.backup(at('replaced'))
    renameSync(at('moved'), at('elsewhere'))
    rmSync(at('replaced'), { recursive: true })
    const half = await client.backup(at('replaced'), { until: 1 })
    expect(half.position).toBe(1)
    expect(named(await client.erase(erased))).toEqual([
      ['moved', [2], false],
      ['replaced', [2], false],
    ])
  })

  test('an interrupted one is named before it has a manifest, too', async () => {
    const stop = new AbortController()
    const onProgress = () => stop.abort()
    const backup = client.backup(at('cut'), { chunkBytesMax: 1, signal: stop.signal, onProgress })
    await expect(backup).rejects.toThrow()
    expect(named(await client.erase(erased))).toEqual([['cut', [2], true]])
    rmSync(at('cut/backup.json'))
    expect(named(await client.erase(erased))).toEqual([['cut', [2], true]])
  })

  test('one that was refused, or had nothing to copy, is not', async () => {
    writeFileSync(at('file'), 'in the way')
    await expect(client.backup(at('file'))).rejects.toThrow()
    await client.backup(at('empty'), { until: 0 })
    expect(named(await client.erase(erased))).toEqual([])
  })

  test('asked again with the same key, it answers as things stand: what was made since holds nothing', async () => {
    await client.backup(at('old'))
    const write = { idempotencyKey: 'request 4711' }
    expect(named(await client.erase(erased, write))).toEqual([['old', [2], true]])
    rmSync(at('old'), { recursive: true })
    await client.backup(at('new'))
    const again = await client.erase(erased, write)
    expect(named(again)).toEqual([['old', [2], false]])
    expect(again.certificate?.positions).toEqual([2])
  })

  test('versions that a vacuum or an earlier erasure has taken stand in older backups only', async () => {
    await client.backup(at('before'))
    const second = await put('ada', 'second')
    await client.setRetention({ history: { versions: 1 } })
    expect((await client.vacuum()).payloads).toBe(1)
    await client.erase(erased)
    await client.backup(at('between'))
    const third = await put('ada', 'third')
    await client.backup(at('after'), { from: third - 1 })
    expect(named(await client.erase(erased))).toEqual([
      ['before', [2], true],
      ['after', [third], true],
    ])
    expect(second).toBeLessThan(third)
  })

  test('a lost list is not taken for none', async () => {
    await client.backup(at('unknown'))
    await reopen(() => rmSync(listFile()))
    const later = await put('cyd', 'later')
    const lost = await client.erase(erased)
    expect(lost).toMatchObject({ backups: [], backupsComplete: false })
    await client.backup(at('known'), { from: later - 1 })
    const known = await client.erase({ collection: 'people', ids: ['cyd'] })
    expect(named(known)).toEqual([['known', [later], true]])
    expect(known.backupsComplete).toBe(true)
  })

  test.each([
    ['damaged', (text: string) => text.replace('"until": 3', '"until": 1')],
    [
      'of another store',
      (text: string) => text.replace(/"storeId": "[^"]+"/, `"storeId": "${crypto.randomUUID()}"`),
    ],
    ['empty', () => ''],
  ])('a list that is %s counts as lost, and is set aside', async (_, change) => {
    await client.backup(at('full'))
    await reopen(() => writeFileSync(listFile(), change(readFileSync(listFile(), 'utf8'))))
    expect(await client.erase(erased)).toMatchObject({ backups: [], backupsComplete: false })
    expect(existsSync(`${listFile()}.damaged`)).toBe(true)
  })

  test('a store that was restored or replayed does not claim to know the backups of where it came from', async () => {
    await client.backup(at('full'))
    await restore(at('full'), { path: at('restored') })
    await replay(client, at('replayed'))
    for (const name of ['restored', 'replayed']) {
      const other = new PersistentClient({ path: at(name) })
      await other.backup(at(`${name}-backup`))
      const erasure = await other.erase(erased)
      expect(named(erasure)).toEqual([[`${name}-backup`, [2], true]])
      expect(erasure.backupsComplete).toBe(false)
      await other.close()
    }
  })

  test('the list goes with the folder', async () => {
    await client.backup(at('full'))
    await client.close()
    cpSync(at('store'), at('copy'), { recursive: true })
    client = new PersistentClient({ path: at('copy') })
    expect(named(await client.erase(erased))).toEqual([['full', [2], true]])
  })

  test('a store in memory remembers as long as it lives', async () => {
    const memory = new EphemeralClient()
    const people = await memory.createCollection({ name: 'people' })
    await people.add({ ids: ['ada'], embeddings: [[1]] })
    await memory.backup(at('memory'))
    const erasure = await memory.erase(erased)
    expect(named(erasure)).toEqual([['memory', [2], true]])
    expect(erasure.backupsComplete).toBe(true)
    await memory.close()
  })
})
