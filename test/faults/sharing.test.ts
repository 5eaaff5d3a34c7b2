/** One process at a time, as many clients as you like. */
import { symlinkSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { PersistentClient } from '../../src/index.ts'
import { ended, linesOf, startChild, Workplace } from './support.ts'

const work = new Workplace()
afterAll(() => work.cleanUp())

async function holder(path: string) {
  const child = startChild('hold.js', [path])
  await linesOf(child).next()
  return child
}

test('a second process is refused by name, and let in when the first is gone, however it went', async () => {
  const path = work.folder()
  for (const leave of ['close', 'kill'] as const) {
    const child = await holder(path)
    const client = new PersistentClient({ path })
    const refused = { code: 'store_locked', message: expect.stringContaining(path), hint: expect.any(String) }
    await expect(client.open()).rejects.toMatchObject(refused)
    await expect(client.listCollections()).rejects.toMatchObject(refused)
    if (leave === 'close') child.stdin!.end()
    else child.kill('SIGKILL')
    await ended(child)
    // The same client may try again.
    expect(await client.listCollections()).toEqual([])
    await client.close()
  }
})

test('clients of one folder share one store, by whatever name, and the last one closes it', async () => {
  const path = work.folder()
  const first = new PersistentClient({ path })
  await first.createCollection({ name: 'shared', embeddingFunction: null })
  const link = work.folder()
  symlinkSync(path, link)
  const second = new PersistentClient({ path: link })
  expect((await second.listCollections()).map(({ name }) => name)).toEqual(['shared'])
  await first.close()
  await expect(first.listCollections()).rejects.toMatchObject({ code: 'store_closed' })
  await (await second.getCollection({ name: 'shared' })).add({ ids: ['a'], embeddings: [[1]] })
  await Promise.all([second.close(), second.close()])
  const child = await holder(path)
  child.stdin!.end()
  expect(await ended(child)).toBe(0)
})

test('whoever opens while the last one closes waits, and finds everything', async () => {
  const path = work.folder()
  for (let round = 0; round < 5; round++) {
    const leaving = new PersistentClient({ path })
    const notes = await leaving.getOrCreateCollection({ name: 'notes', embeddingFunction: null })
    const written = notes.add({ ids: [`${round}`], embeddings: [[round]] })
    const closed = leaving.close()
    const coming = new PersistentClient({ path })
    await written
    const count = await (await coming.getCollection({ name: 'notes' })).count()
    expect(count).toBe(round + 1)
    await closed
    await coming.close()
  }
})

test('clients that fail to open together recover together', async () => {
  const path = work.folder()
  const child = await holder(path)
  const clients = [1, 2, 3].map(() => new PersistentClient({ path }))
  const failed = await Promise.allSettled(clients.map((client) => client.open()))
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  child.kill('SIGKILL')
  await ended(child)
  await Promise.all(clients.map((client) => client.open()))
  await Promise.all(clients.map((client) => client.close()))
  const after = await holder(path)
  after.stdin!.end()
  expect(await ended(after)).toBe(0)
})
