/**
 * Backups: what they hold, that they are continued and never mixed, and that no damage to them goes unnoticed.
 */
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decodeManifest } from '../../src/format/backup-file.ts'
import { type AnnalsError, EphemeralClient, restore } from '../../src/index.ts'
import { until } from '../support/until.ts'
import { contentOf, expectSame, open, randomFrom, rootOf, temporary, vector, write } from './support.ts'

function manifestOf(folder: string) {
  return decodeManifest(readFileSync(join(folder, 'backup.json'), 'utf8'), folder)
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'nothing was thrown',
    (error: AnnalsError) => error.code,
  )
}

/** Flips one bit of a file. */
function flip(path: string, offset: number): void {
  const bytes = readFileSync(path)
  bytes[offset]! ^= 1 << (offset % 8)
  writeFileSync(path, bytes)
}

describe('a backup', () => {
  test('holds the whole log, in chunks of the size asked for, and its root', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    await write(client, 1000, 1)
    const told: number[] = []
    const report = await client.backup(join(folder, 'backup'), {
      chunkBytesMax: 30_000,
      onProgress: ({ position }) => told.push(position),
    })
    const head = (await client.stats()).head
    const manifest = manifestOf(report.path)
    expect(report).toMatchObject({ position: head, records: head, root: await rootOf(client) })
    expect(report.chunks).toEqual(manifest.chunks.map(({ file }) => file))
    expect(manifest.chunks.length).toBeGreaterThan(3)
    for (const { file, bytes, contentBytes } of manifest.chunks) {
      expect(contentBytes).toBeLessThanOrEqual(30_000)
      expect(statSync(join(report.path, file)).size).toBe(bytes)
    }
    expect(told).toEqual(manifest.chunks.map(({ last }) => last))
    expect(readdirSync(report.path).sort()).toEqual([...report.chunks, 'backup.json'].sort())
  })

  test('of an empty store, and of one in memory, can be restored', async () => {
    const folder = temporary()
    const client = new EphemeralClient()
    await client.backup(join(folder, 'empty'))
    await restore(join(folder, 'empty'), { path: join(folder, 'a') })
    expect(await open(join(folder, 'a')).countCollections()).toBe(0)
    const notes = await client.createCollection({ name: 'notes' })
    await notes.add({ ids: ['a'], documents: ['in memory'] })
    await client.backup(join(folder, 'empty'))
    await restore(join(folder, 'empty'), { path: join(folder, 'b') })
    await expectSame(expect, open(join(folder, 'b')), client)
    await client.close()
  })

  test('is the log as it stood when it began, while writes go on', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
    const random = randomFrom(7)
    const batch = (from: number) => ({
      ids: Array.from({ length: 50 }, (_, index) => `id-${from + index}`),
      embeddings: Array.from({ length: 50 }, () => vector(random)),
    })
    for (let from = 0; from < 1000; from += 50) await notes.add(batch(from))
    let stop = false
    let written = 1000
    const writing = (async () => {
      for (; !stop; written += 50) {
        await notes.add(batch(written))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })()
    const reports = []
    for (let round = 0; round < 3; round++) {
      const before = written
      reports.push(await client.backup(join(folder, 'backup'), { chunkBytesMax: 100_000 }))
      await until(() => written > before)
    }
    stop = true
    await writing
    const last = reports.at(-1)!
    expect(last.position).toBeGreaterThan(reports[0]!.position)
    await restore(last.path, { path: join(folder, 'restored') })
    const restored = open(join(folder, 'restored'))
    expect(await rootOf(restored)).toBe(last.root)
    await expectSame(expect, restored, client, last.position)
  })

  test('can end at a point of the past, rounded down to a whole commit', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    const { roots } = await write(client, 400, 2)
    const ends = [...roots.keys()]
    const until = ends.find((end, index) => index > 10 && (ends[index + 1] ?? 0) > end + 2)!
    const report = await client.backup(join(folder, 'backup'), { until: until + 1 })
    expect(report).toMatchObject({ position: until, records: until, root: roots.get(until) })
    const none = await client.backup(join(folder, 'dated'), { until: new Date(0) })
    expect(none).toMatchObject({ position: 0, records: 0 })
    expect(await codeOf(client.backup(join(folder, 'late'), { until: 1e9 }))).toBe('position_not_reached')
  })
})

describe('a backup into a folder that holds one', () => {
  test('adds what is new and leaves the rest as it is', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    const target = join(folder, 'backup')
    await write(client, 300, 3)
    const first = await client.backup(target)
    const before = readFileSync(join(target, first.chunks[0]!))
    expect(await client.backup(target)).toMatchObject({ chunks: [], records: 0, position: first.position })
    await write(client, first.position + 200, 4)
    const second = await client.backup(target)
    expect(second.records).toBe(second.position - first.position)
    expect(readFileSync(join(target, first.chunks[0]!))).toEqual(before)
    await restore(target, { path: join(folder, 'restored') })
    await expectSame(expect, open(join(folder, 'restored')), client)
  })

  test('may also go on in another folder, and the two are restored together', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    const [full, later] = [join(folder, 'full'), join(folder, 'later')]
    await write(client, 200, 5)
    const { position } = await client.backup(full)
    await write(client, position + 200, 6)
    await client.backup(later, { from: position })
    await restore([full, later], { path: join(folder, 'restored') })
    await expectSame(expect, open(join(folder, 'restored')), client)
    expect(await codeOf(restore(later, { path: join(folder, 'x') }))).toBe('backup_mismatch')
    expect(await codeOf(restore([later, full], { path: join(folder, 'x') }))).toBe('backup_mismatch')
  })

  test('removes unfinished files, and takes the place of a chunk that no manifest names', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    const target = join(folder, 'backup')
    await write(client, 100, 8)
    const { chunks } = await client.backup(target)
    const name = chunks[0]!
    writeFileSync(join(target, `${name}.tmp`), 'half')
    rmSync(join(target, 'backup.json'))
    await client.backup(target)
    expect(existsSync(join(target, `${name}.tmp`))).toBe(false)
    await restore(target, { path: join(folder, 'restored') })
    await expectSame(expect, open(join(folder, 'restored')), client)
  })

  test('of another store, another epoch or another history is refused', async () => {
    const folder = temporary()
    const target = join(folder, 'backup')
    const client = open(join(folder, 'store'))
    const other = open(join(folder, 'other'))
    await write(client, 100, 9)
    await write(other, 100, 9)
    await client.backup(target)
    expect(await codeOf(other.backup(target))).toBe('backup_mismatch')
    await restore(target, { path: join(folder, 'restored') })
    expect(await codeOf(open(join(folder, 'restored')).backup(target))).toBe('backup_mismatch')
  })

  test('of two histories under one store id and epoch is refused, and nothing of it is written', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    await write(client, 100, 10)
    await client.backup(join(folder, 'common'))
    // Two restores of one backup are the same store and epoch; then they part.
    const pair = [join(folder, 'a'), join(folder, 'b')]
    for (const path of pair) await restore(join(folder, 'common'), { path })
    const [a, b] = pair.map(open)
    await write(a!, 200, 11)
    await write(b!, 300, 12)
    const target = join(folder, 'backup')
    await a!.backup(target)
    const before = readFileSync(join(target, 'backup.json'))
    await expect(b!.backup(target)).rejects.toMatchObject({ code: 'backup_mismatch' })
    expect(readFileSync(join(target, 'backup.json'))).toEqual(before)
    await write(a!, (await a!.stats()).head + 50, 13)
    await a!.backup(target)
  })

  test('is refused for a folder with something else in it, and for options that mean nothing', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    await client.open()
    expect(await codeOf(client.backup(join(folder, 'store')))).toBe('store_exists')
    const unknown = { all: true } as object
    expect(await codeOf(client.backup(join(folder, 'b'), unknown))).toBe('unsupported_option')
    expect(await codeOf(client.backup(join(folder, 'b'), { chunkBytesMax: 2 ** 30 }))).toBe(
      'invalid_argument',
    )
    const at = join(folder, 'twice')
    const both = [client.backup(at), client.backup(at)].map(codeOf)
    expect((await Promise.all(both)).sort()).toEqual(['busy', 'nothing was thrown'])
  })

  test('goes on where it was aborted', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    await write(client, 600, 14)
    const target = join(folder, 'backup')
    const stop = new AbortController()
    const aborted = client.backup(target, {
      chunkBytesMax: 10_000,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    })
    await expect(aborted).rejects.toThrow('enough')
    expect(manifestOf(target).chunks.length).toBe(1)
    const aborting = AbortSignal.abort(new Error('at once'))
    await expect(client.backup(target, { signal: aborting })).rejects.toThrow('at once')
    const { records, position } = await client.backup(target)
    expect(records).toBeLessThan(position)
    await restore(target, { path: join(folder, 'restored') })
    await expectSame(expect, open(join(folder, 'restored')), client)
  })
})

describe('damage to a backup', () => {
  test('of any byte is found, and the file is named', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    await write(client, 300, 15)
    const source = join(folder, 'backup')
    const { chunks } = await client.backup(source, { chunkBytesMax: 40_000 })
    expect(chunks.length).toBeGreaterThan(1)
    const random = randomFrom(16)
    for (const file of [...chunks, 'backup.json']) {
      const path = join(source, file)
      copyFileSync(path, join(folder, 'sound'))
      const { size } = statSync(path)
      for (let round = 0; round < 40; round++) {
        flip(path, Math.floor(random() * size))
        const error = await restore(source, { path: join(folder, 'restored') }).catch((thrown) => thrown)
        expect(error).toMatchObject({ code: 'backup_damaged', message: expect.stringContaining(file) })
        copyFileSync(join(folder, 'sound'), path)
      }
      expect(readdirSync(folder).sort()).toEqual(['backup', 'sound', 'store'])
    }
    await restore(source, { path: join(folder, 'restored') })
    expect(await contentOf(open(join(folder, 'restored')))).toEqual(await contentOf(client))
  })

  test('such as a lost, cut or swapped file is found', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    await write(client, 300, 17)
    const source = join(folder, 'backup')
    const { chunks } = await client.backup(source, { chunkBytesMax: 30_000 })
    const [first, second] = chunks.map((file) => join(source, file))
    const sound = readFileSync(first!)
    const attempt = () => restore(source, { path: join(folder, 'restored') })
    rmSync(first!)
    await expect(attempt()).rejects.toMatchObject({ code: 'backup_damaged' })
    writeFileSync(first!, sound.subarray(0, sound.length - 1))
    await expect(attempt()).rejects.toMatchObject({ code: 'backup_damaged' })
    copyFileSync(second!, first!)
    await expect(attempt()).rejects.toMatchObject({ code: 'backup_damaged' })
    expect(await codeOf(restore(folder, { path: join(folder, 'restored') }))).toBe('backup_damaged')
  })

  test('of a newer format is refused as such', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    const source = join(folder, 'backup')
    await client.backup(source)
    const { encodeManifest } = await import('../../src/format/backup-file.ts')
    const newer = { ...manifestOf(source), formatVersion: 2 }
    writeFileSync(join(source, 'backup.json'), encodeManifest(newer))
    expect(await codeOf(restore(source, { path: join(folder, 'restored') }))).toBe('format_unsupported')
  })
})
