import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EphemeralClient } from '../../src/client/ephemeral-client.ts'
import { PersistentClient } from '../../src/client/persistent-client.ts'
import type { Env } from '../../src/env.ts'
import { systemEnv } from '../../src/env.ts'

type AnyClient = EphemeralClient | PersistentClient

/** Clients and folders of one test, and their removal. */
export class Stores {
  readonly #clients: AnyClient[] = []
  readonly #folders: string[] = []

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'annals-audit-'))
    this.#folders.push(folder)
    return folder
  }

  memory(env?: Env): EphemeralClient {
    const client = new EphemeralClient(env && { env })
    this.#clients.push(client)
    return client
  }

  persistent(path: string, env?: Env): PersistentClient {
    const client = new PersistentClient({ path, ...(env && { env }) })
    this.#clients.push(client)
    return client
  }

  async release(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client.close()
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  }
}

/** A clock that only moves when it is told to. */
export function steppedClock(start = Date.UTC(2026, 0, 1)): Env & { advance(ms: number): void } {
  let now = start
  return {
    ...systemEnv,
    now: () => now,
    advance: (ms) => {
      now += ms
    },
  }
}

export async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** A reproducible sequence of numbers in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
