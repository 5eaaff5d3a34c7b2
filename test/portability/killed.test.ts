/**
 * SIGKILL in the middle of backup, restore, replay and migration: what is left opens and verifies, and the same
 * call ends the work. `ANNALS_KILL_CYCLES` sets how often each is tried.
 */
import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PersistentClient, replay, restore } from '../../src/index.ts'
import { killed, moments } from './kill.ts'
import { contentOf, fixture, open, randomFrom, rootOf, temporary, write } from './support.ts'

const kills = Number(process.env.ANNALS_KILL_CYCLES ?? 10)
const timeoutMs = kills * 60_000

/** Kills an action at moments spread over its whole length, and has each outcome looked at. */
async function killing(
  action: string,
  prepare: () => string,
  look: (folder: string, done: boolean) => Promise<void>,
): Promise<void> {
  const seed = Date.now() % 100_000
  const { tookMs } = await killed(action, prepare(), Number.POSITIVE_INFINITY)
  console.log(`${action}: ${kills} kills within ${Math.round(tookMs)} ms, seed ${seed}`)
  for (const moment of moments(kills, tookMs, randomFrom(seed))) {
    const folder = prepare()
    const { done } = await killed(action, folder, moment)
    await look(folder, done)
    rmSync(folder, { recursive: true })
  }
}

/** A folder with copies of what stands in another one. */
function copyOf(folder: string, names: readonly string[]): string {
  const copy = temporary()
  for (const name of names) cpSync(join(folder, name), join(copy, name), { recursive: true })
  return copy
}

/** Opens a store, which must verify in full and in what is derived from it, works on it and closes it. */
async function whole<T>(path: string, work: (client: PersistentClient) => Promise<T>): Promise<T> {
  const client = new PersistentClient({ path, recovery: 'absolute' })
  try {
    const { findings } = await client.verify({ level: 'deep' })
    // That tables were derived again after a kill is worth saying, and no fault.
    expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([])
    return await work(client)
  } finally {
    await client.close()
  }
}

async function stateOf(client: PersistentClient) {
  return { root: await rootOf(client), content: await contentOf(client) }
}

async function filled(operations: number, seed: number, backup: boolean) {
  const folder = temporary()
  const client = open(join(folder, 'store'))
  await write(client, operations, seed)
  if (backup) await client.backup(join(folder, 'backup'))
  const state = await stateOf(client)
  const commits = await commitsOf(client)
  await client.close()
  return { folder, state, commits }
}

async function commitsOf(client: PersistentClient) {
  const commits = []
  for await (const { record } of (await client.store()).log.range()) {
    const { committedAt, actor, reason, idempotencyKey } = record.commit
    commits.push({ type: record.type, committedAt, actor, reason, idempotencyKey })
  }
  return commits
}

test(
  'a backup is a smaller backup, which the next one completes',
  async () => {
    const { folder, state } = await filled(500, 31, false)
    await killing(
      'backup',
      () => copyOf(folder, ['store']),
      async (at) => {
        const source = join(at, 'backup')
        // No backup yet, or one that can be restored as far as it goes.
        const begun = existsSync(join(source, 'backup.json'))
        const partly = begun ? await restore(source, { path: join(at, 'partly') }) : null
        if (partly !== null) expect(await whole(join(at, 'partly'), rootOf)).toBe(partly.root)
        const { position } = await whole(join(at, 'store'), (client) => client.backup(source))
        expect(position).toBeGreaterThanOrEqual(partly?.position ?? 0)
        await restore(source, { path: join(at, 'restored') })
        expect(await whole(join(at, 'restored'), stateOf)).toEqual(state)
      },
    )
  },
  timeoutMs,
)

test(
  'a restore leaves a whole store or none, and can be repeated',
  async () => {
    const { folder, state } = await filled(500, 33, true)
    await killing(
      'restore',
      () => copyOf(folder, ['backup']),
      async (at, done) => {
        const path = join(at, 'restored')
        const again = () => restore(join(at, 'backup'), { path })
        if (!existsSync(path)) await again()
        else if (done) await expect(again()).rejects.toMatchObject({ code: 'store_exists' })
        expect(await whole(path, stateOf)).toEqual(state)
        expect(existsSync(`${path}.restoring`)).toBe(false)
      },
    )
  },
  timeoutMs,
)

test.each(['copy', 'replay'])(
  'a replay (%s) leaves a store that is continued',
  async (action) => {
    const { folder, state, commits } = await filled(500, 64, false)
    await killing(
      action,
      () => copyOf(folder, ['store']),
      async (at) => {
        const path = join(at, 'replayed')
        const reached = await whole(path, async (partly) => (await partly.stats()).head)
        const changes = action === 'copy' ? {} : { configuration: { hnsw: { space: 'cosine' as const } } }
        const report = await replay(join(at, 'store'), path, changes)
        expect(report).toMatchObject({ read: commits.length - reached, position: commits.length })
        await whole(path, async (client) => {
          expect(await commitsOf(client)).toEqual(commits)
          if (action === 'copy') expect(await stateOf(client)).toEqual(state)
        })
      },
    )
  },
  timeoutMs,
)

test(
  'a migration is done at the next opening',
  async () => {
    const expected = fixture('format-0')
    const state = await whole(expected, contentOf)
    await killing(
      'migrate',
      () => {
        const folder = temporary()
        cpSync(fixture('format-0'), join(folder, 'store'), { recursive: true })
        return folder
      },
      async (at) => {
        expect(await whole(join(at, 'store'), contentOf)).toEqual(state)
        expect(existsSync(join(at, 'store.migrating'))).toBe(false)
        expect(existsSync(join(at, 'store.format-0'))).toBe(true)
      },
    )
  },
  timeoutMs,
)
