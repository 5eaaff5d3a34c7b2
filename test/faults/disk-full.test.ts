/** A disk that runs full: refused early and clearly; and where it is met all the same, nothing acknowledged is lost. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { systemEnv } from '../../src/env.ts'
import { PersistentClient } from '../../src/index.ts'
import { expectFates, type Written } from './commanded.ts'
import { runChild, Workplace } from './support.ts'

const work = new Workplace()
afterAll(() => work.cleanUp())

const unshare = ['unshare', '-Urm', 'sh', '-c', 'mount -t tmpfs -o size=12m none "$0" && exec "$@"']
const probe = spawnSync(unshare[0]!, [...unshare.slice(1), work.root, 'true'], { encoding: 'utf8' })
const refusal = probe.error?.message ?? (probe.status === 0 ? null : probe.stderr.trim())
if (refusal !== null) console.log(`skipped: no file system of its own to fill: ${refusal}`)

describe('the reserve', () => {
  test('is kept: a write that would eat into it is refused, and later writes go on', async () => {
    let free = 100_000_000
    const path = work.folder()
    const env = { ...systemEnv, freeBytes: () => free }
    const client = new PersistentClient({ path, env, diskReserveBytes: 50_000_000 })
    const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
    await notes.add({ ids: ['fits'], embeddings: [[1]] })
    free = 50_000_100
    const refused = {
      code: 'disk_full',
      fate: 'not_written',
      message: expect.stringMatching(/50000100 bytes free.*reserve of 50000000/),
      hint: expect.any(String),
    }
    const { head, root } = await client.stats()
    await expect(notes.add({ ids: ['refused'], embeddings: [[2]] })).rejects.toMatchObject(refused)
    // One group: none of it.
    const together = [
      notes.add({ ids: ['x'], embeddings: [[2]] }),
      notes.add({ ids: ['y'], embeddings: [[2]] }),
    ]
    for (const one of together) await expect(one).rejects.toMatchObject(refused)
    expect(await client.stats()).toMatchObject({ head, root })
    expect((await notes.query({ queryEmbeddings: [[2]], nResults: 5 })).ids).toEqual([['fits']])
    free = 100_000_000
    await notes.add({ ids: ['later'], embeddings: [[3]] })
    await client.close()
    const again = new PersistentClient({ path })
    expect((await (await again.getCollection({ name: 'notes' })).get()).ids).toEqual(['fits', 'later'])
    await again.close()
  })
})

describe.skipIf(refusal !== null)('a disk that is really full', () => {
  // Met by LevelDB, by SQLite, and not met, because it is seen before.
  test.each([
    ['blind', 40_000, 20_000],
    ['blind', 3000, 2000],
    ['blind', 200, 0],
    ['seeing', 200, 0],
  ])(
    'costs nothing that was acknowledged: %s, documents of %i bytes, %i bytes left',
    async (sight, bytes, left) => {
      const disk = work.folder()
      const copy = work.folder()
      mkdirSync(disk)
      const args = [disk, copy, `${bytes}`, `${left}`, sight]
      const output = await runChild('full-disk.js', args, [...unshare, disk])
      const written = JSON.parse(output) as Written[]
      expect(written).toHaveLength(85)
      expect(written.some(({ code }) => code !== undefined)).toBe(true)
      for (const { code } of written.slice(0, 30)) expect(code).toBe(undefined)
      for (const { code, message } of written.slice(-39)) expect(code, message).toBe(undefined)
      await expectFates(copy, written)
    },
  )
})
