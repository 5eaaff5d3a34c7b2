/**
 * The ways to run the suite on a store that has come out of another one: restored, replayed, followed, imported.
 * The store is moved between a write and the next read, and goes on where it came out, so a test that writes and
 * reads by turns goes through many of them.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import {
  type Client,
  type Collection,
  exportCollection,
  importCollection,
  PersistentClient,
  replay,
  restore,
} from '../../src/index.ts'
import { folderPlace } from './faces.ts'
import type { Face } from './fixture.ts'
import type { Moved, Moves } from './reopener.ts'
import { followingClient, reopeningClient } from './reopening-client.ts'

export const restored: Face = {
  name: 'PersistentClient, restored from a backup before every read',
  place: () =>
    moving((path) => ({
      between: (client) =>
        movedBy(client, path, async (next) => {
          await client.backup(`${path}.backup`)
          await restore(`${path}.backup`, { path: next })
          // The restored store has an epoch of its own, and so its backups a folder of their own.
          rmSync(`${path}.backup`, { recursive: true })
        }),
    })),
}

export const restoredFromIncrements: Face = {
  name: 'PersistentClient, backed up after every write and restored before every read',
  place: () => moving(increments),
}

export const copied: Face = {
  name: 'PersistentClient, replayed as it is before every read',
  place: () =>
    moving((path) => ({
      between: (client) =>
        movedBy(client, path, async (next) => {
          expectKind(await replay(client, next), 'copied')
        }),
    })),
}

export const decided: Face = {
  name: 'PersistentClient, replayed by deciding anew before every read',
  place: () =>
    moving((path) => ({
      between: (client) =>
        movedBy(client, path, async (next) => {
          expectKind(await replay(client, next, { transform: (record) => record }), 'decided')
        }),
    })),
}

export const followed: Face = {
  name: 'PersistentClient, read from a standby that follows it',
  place: () => folderPlace(false, (make, path) => followingClient(make(), make(`${path}.standby`))),
}

export const importedFromJsonl: Face = {
  name: 'PersistentClient, exported to JSONL and imported before every read',
  place: () => moving((path) => ({ between: (client) => imported(client, path, 'jsonl') })),
}

export const importedFromParquet: Face = {
  name: 'PersistentClient, exported to Parquet and imported before every read',
  place: () => moving((path) => ({ between: (client) => imported(client, path, 'parquet') })),
}

function moving(moves: (path: string) => Moves) {
  return folderPlace(false, (make, path) => reopeningClient(make, { ...moves(path), skipsRefused: true }))
}

/** Puts the store that `move` makes at `next` in the place of the one at `path`. */
async function movedBy(
  client: Client,
  path: string,
  move: (next: string) => Promise<unknown>,
): Promise<Moved> {
  const next = `${path}.next`
  const ids = await move(next)
  await client.close()
  rmSync(path, { recursive: true })
  renameSync(next, path)
  return ids instanceof Map ? ids : undefined
}

/** Two backups go into a folder, and the next two into one that goes on from there. */
function increments(path: string): Moves {
  let folders: string[] = []
  let backups = 0
  let position = 0
  const backup = async (client: Client): Promise<void> => {
    const isNew = backups % 2 === 0
    const from = isNew && backups > 0 ? { from: position } : {}
    if (isNew) folders.push(`${path}.backup-${folders.length}`)
    ;({ position } = await client.backup(folders.at(-1)!, from))
    backups += 1
  }
  return {
    written: backup,
    between: (client) =>
      movedBy(client, path, async (next) => {
        await backup(client)
        await restore(folders, { path: next })
        for (const folder of folders) rmSync(folder, { recursive: true })
        folders = []
        backups = 0
      }),
  }
}

function imported(client: Client, path: string, format: 'jsonl' | 'parquet'): Promise<Moved> {
  return movedBy(client, path, async (next) => {
    const { tenant, database } = client
    const target = new PersistentClient({ path: next, tenant, database })
    const ids = new Map<string, string>()
    mkdirSync(`${path}.files`, { recursive: true })
    for (const from of await client.listCollections({ limit: 1_000 })) {
      const file = `${path}.files/${from.name.slice(0, 100)}.${format}`
      await exportCollection(from, file, { format })
      const to = await madeLike(from, target)
      await importCollection(file, to, { format })
      ids.set(from.id, to.id)
    }
    // The store is there also when it has no collections.
    await target.open()
    await target.close()
    rmSync(`${path}.files`, { recursive: true })
    return ids
  })
}

/** What an export does not carry: name, metadata, configuration, and which function makes embeddings. */
function madeLike({ name, metadata, configuration }: Collection, target: Client): Promise<Collection> {
  const { hnsw, embedding_function: known } = configuration
  const isBuiltIn = known?.type === 'known' && known.name === 'feature-hashing'
  return target.createCollection({
    name,
    configuration: { hnsw: { ...hnsw } },
    ...(metadata !== null && { metadata }),
    ...(!isBuiltIn && { embeddingFunction: null }),
  })
}

function expectKind({ kind }: { kind: string }, expected: string): void {
  if (kind !== expected) throw new Error(`The replay has ${kind}.`)
}
