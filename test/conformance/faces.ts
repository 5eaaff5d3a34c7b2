/** The ways to run the suite: in memory, in a folder, reopened before every read, and rebuilt from the log. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, EphemeralClient, PersistentClient } from '../../src/index.ts'
import type { Face, OpenOptions, Place } from './fixture.ts'
import { reopeningClient } from './reopening-client.ts'

export const ephemeral: Face = {
  name: 'EphemeralClient',
  place: () => {
    const clients: Client[] = []
    return {
      isShared: false,
      open: (options) => {
        const client = new EphemeralClient(options)
        clients.push(client)
        return client
      },
      dispose: () => closeAll(clients),
    }
  },
}

export const persistent: Face = {
  name: 'PersistentClient',
  place: () => folderPlace(true, (make) => make()),
}

export const reopened: Face = {
  name: 'PersistentClient, reopened before every read',
  place: () => folderPlace(true, (make) => reopeningClient(make, { between: closed })),
}

export const rebuilt: Face = {
  name: 'PersistentClient, rebuilt from the log before every read',
  place: () =>
    folderPlace(false, (make, path) =>
      reopeningClient(make, {
        between: async (client) => {
          await client.close()
          keepLogOnly(path)
        },
      }),
    ),
}

async function closed(client: Client): Promise<undefined> {
  await client.close()
  return undefined
}

/** Removes everything that can be derived again. The store must be closed. */
export function keepLogOnly(path: string): void {
  for (const name of readdirSync(path)) if (name !== 'log') rmSync(join(path, name), { recursive: true })
}

/**
 * A store in a folder. `wrap` may open it again and again, and put what it likes beside it, under names that
 * begin with the path of the store.
 */
export function folderPlace(
  isShared: boolean,
  wrap: (make: (at?: string) => Client, path: string) => Client,
): Place {
  const folder = mkdtempSync(join(tmpdir(), 'annals-test-'))
  const path = join(folder, 'store')
  mkdirSync(path)
  const clients: Client[] = []
  return {
    isShared,
    open: (options: OpenOptions = {}) => {
      const client = wrap((at = path) => new PersistentClient({ path: at, ...options }), path)
      clients.push(client)
      return client
    },
    dispose: async () => {
      await closeAll(clients)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function closeAll(clients: Client[]): Promise<void> {
  for (const client of clients) await client.close()
}
