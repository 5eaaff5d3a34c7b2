import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Env, systemEnv } from '../../src/env.ts'
import { DiskMedium } from '../../src/log/disk-medium.ts'
import type { Medium } from '../../src/log/medium.ts'
import { MemoryMedium } from '../../src/log/memory-medium.ts'
import { openLog } from '../../src/log/open-log.ts'
import type { LogMark, OperationLog, Recovery } from '../../src/log/operation-log.ts'
import type { Commit, OperationRecord, RecordOperation } from '../../src/types.ts'

export const collection = '7b1d6c1e-5b0f-4c55-9a70-3f2f6f2a9d01'

/** One place where a log can live. The same medium is opened again by `reopen`. */
export interface Site {
  medium: Medium
  cleanUp: () => void
}

/** Every kind of place. */
export const sites: Record<string, () => Site> = {
  'on disk': () => {
    const folder = mkdtempSync(join(tmpdir(), 'annals-log-'))
    const medium = new DiskMedium(join(folder, 'log'), { reserveBytes: 0, env: systemEnv })
    return { medium, cleanUp: () => rmSync(folder, { recursive: true, force: true }) }
  },
  'in memory': () => ({ medium: new MemoryMedium(), cleanUp: () => undefined }),
}

export interface Opening {
  mark?: LogMark | null
  recovery?: Recovery
  env?: Env
}

export async function openOn(
  medium: Medium,
  { mark = null, recovery = 'tolerate-tail', env = systemEnv }: Opening = {},
): Promise<OperationLog> {
  return (await openLog(medium, { env, mark: async () => mark, recovery })).log
}

/** One commit of `count` adds from `first` on, each with a vector of its own. */
export function commitOf(first: number, count: number, committedAt = 1_700_000_000_000): OperationRecord[] {
  const commit: Commit = { first, count, committedAt, actor: 'ada', reason: null, idempotencyKey: null }
  return Array.from({ length: count }, (_, index) => addOf(first + index, commit))
}

export function addOf(position: number, commit: Commit, document: string | null = null): RecordOperation {
  return {
    type: 'add',
    position,
    commit,
    collection,
    recordId: `id-${position}`,
    label: position - 1,
    previous: 0,
    vectorAt: position,
    documentAt: position,
    state: {
      vector: Float32Array.of(position, -position, 0.1, -0),
      document: document ?? `document ${position}`,
      uri: null,
      metadata: { position, __proto__x: 'kept', list: [1, 2.5] },
    },
  }
}

/** The mark that SQLite would remember of the log as it stands. */
export function markOf(log: OperationLog): LogMark {
  return { storeId: log.storeId, position: log.head, frontier: log.frontier }
}
