import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { CollectionRow } from '../projections/metadata/rows.ts'
import type { Store } from '../store.ts'
import type { CollectionStats, StoreStats } from './api.ts'

/** Figures of an open store; sizes are bytes on disk. */
export function storeStats(store: Store, path: string | null): StoreStats {
  const { log, vectors, report } = store
  const size = (name: string) => (path === null ? 0 : bytesBelow(join(path, name)))
  const metadataFiles = [
    'metadata.sqlite3',
    'metadata.sqlite3-wal',
    'metadata.sqlite3-shm',
    'metadata.digests',
  ]
  return {
    path,
    storeId: log.storeId,
    epoch: log.epoch,
    head: log.head,
    root: log.root.toString('hex'),
    committedAt: new Date(log.committedAt),
    sealing: store.sealing,
    vectorMemoryBytes: vectors.memoryBytes,
    memoryBudgetBytes: vectors.budgetBytes,
    disk: {
      log: size('log'),
      metadata: metadataFiles.reduce((sum, name) => sum + size(name), 0),
      segments: size('segments'),
    },
    collections: store.catalog.liveCollections().map((row) => collectionStats(store, row)),
    recovery: {
      metadataReplaced: report.metadataReplaced,
      lost: report.lost.map(({ position }) => position),
      truncatedTo: report.truncatedTo,
    },
  }
}

function collectionStats({ manifest, vectors }: Store, row: CollectionRow): CollectionStats {
  const index = vectors.peek(row.id)
  const segments = manifest.ofCollection(row.key)
  const sealedVectors = segments.at(-1)?.next_label ?? 0
  return {
    id: row.id,
    name: row.name,
    tenant: row.tenant,
    database: row.database,
    records: row.live_records,
    dimension: row.dimension,
    lastPosition: row.last_position,
    loaded: index !== null,
    sealedSegments: segments.length,
    sealedVectors,
    growingVectors: row.next_label - sealedVectors,
    memoryBytes: index?.memoryBytes ?? 0,
  }
}

/**
 * Bytes of a file, or of all files below a folder, each file once, whatever names it has; files come and go while
 * it looks.
 */
function bytesBelow(path: string, seen: Set<number> = new Set()): number {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined || (found.nlink > 1 && seen.has(found.ino))) return 0
  if (!found.isDirectory()) {
    seen.add(found.ino)
    return found.size
  }
  return readdirSync(path).reduce((sum, name) => sum + bytesBelow(join(path, name), seen), 0)
}
