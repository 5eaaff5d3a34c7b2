/** What is done to a store as a whole, at the server: long work, which tells how far it is. */
import { hostname } from 'node:os'
import type { Erasure } from '../../audit/certificate.ts'
import { type IssuedCheckpoint, issueCheckpoint } from '../../audit/checkpoint.ts'
import type { VacuumOptions, VacuumReport } from '../../maintenance/caretaker.ts'
import type { ReindexOptions, ReindexReport } from '../../maintenance/reindexer.ts'
import type { RepairOptions, RepairResult } from '../../maintenance/repair.ts'
import type { VerifyOptions, VerifyResult } from '../../maintenance/verify.ts'
import { type BackupOptions, type BackupReport, backupLog } from '../../portability/backup.ts'
import type { Point, WriteOptions } from '../../types.ts'
import { formatPoint } from '../../wire/point.ts'
import { decodeErasure, shaped, timed } from '../../wire/results.ts'
import { encodeWriteOptions } from '../../wire/write-headers.ts'
import type { EraseOptions, StoreStats } from '../api.ts'
import { checkBackup } from '../backup-options.ts'
import { apiRoot, databasePath, withQuery } from './paths.ts'
import { type LogState, RemoteLog } from './remote-log.ts'
import { type RemoteSession, sendErasure } from './remote-session.ts'
import { runJob } from './streams.ts'
import type { Transport } from './transport.ts'

/** The figures of the server's store. */
export async function readStats(transport: Transport): Promise<StoreStats> {
  const { body } = await transport.json({ method: 'GET', path: `${apiRoot}/stats` })
  const stats = timed<StoreStats>(body, 'the figures of a store')
  // JSON has no infinity, which is a budget like others.
  return { ...stats, memoryBudgetBytes: stats.memoryBudgetBytes ?? Number.POSITIVE_INFINITY }
}

/** Has the server verify its store; findings come as they are made. */
export function verifyStore(transport: Transport, options: VerifyOptions = {}): Promise<VerifyResult> {
  const { level, signal, onProgress, onFinding } = options
  const call = { method: 'POST' as const, path: `${apiRoot}/verify`, body: { level }, signal }
  return runJob(transport, call, { onProgress, onFinding })
}

/** Has the server repair its store. */
export function repairStore(transport: Transport, options: RepairOptions = {}): Promise<RepairResult> {
  const { signal, onProgress } = options
  const call = { method: 'POST' as const, path: `${apiRoot}/repair`, body: {}, signal }
  return runJob(transport, call, { onProgress })
}

/** Has the server merge the small graphs of every collection. */
export function compactStore(
  transport: Transport,
  { signal, onProgress, ...rest }: ReindexOptions,
): Promise<Record<string, ReindexReport>> {
  const call = { method: 'POST' as const, path: `${apiRoot}/compact`, body: rest, signal }
  return runJob(transport, call, { onProgress })
}

/** Has the server let go of what retention no longer keeps. `who` is responsible for it. */
export function vacuumStore(
  transport: Transport,
  { signal, onProgress, dryRun }: VacuumOptions,
  who: WriteOptions,
): Promise<VacuumReport> {
  const call = {
    method: 'POST' as const,
    path: `${apiRoot}/vacuum`,
    body: { dryRun },
    headers: encodeWriteOptions(who),
    isWrite: true,
    signal,
  }
  return runJob(transport, call, { onProgress })
}

/** Has the server erase records of the session's database. */
export async function eraseRecords(
  session: RemoteSession,
  body: EraseOptions,
  write: WriteOptions,
): Promise<Erasure> {
  const path = `${databasePath(session)}/erase`
  return decodeErasure(await sendErasure(session.transport(), { method: 'POST', path, body }, write))
}

/** Signed by the server, if it has a key and none is given; what a given key signs never leaves this process. */
export async function readCheckpoint(
  transport: Transport,
  privateKey: Parameters<typeof issueCheckpoint>[2],
): Promise<IssuedCheckpoint> {
  const { body } = await transport.json({ method: 'GET', path: `${apiRoot}/checkpoint` })
  const issued = shaped<IssuedCheckpoint>(body, 'a checkpoint')
  return privateKey === undefined ? issued : issueCheckpoint(issued.origin, issued, privateKey)
}

/** Writes the backup into a folder of this machine, of which the store remembers the name. */
export async function backupStore(
  transport: Transport,
  target: string,
  options: BackupOptions,
): Promise<BackupReport> {
  const { folder, from, until } = checkBackup(target, options)
  const text = (point: Point | undefined) => (point === undefined ? undefined : formatPoint(point))
  const path = withQuery(`${apiRoot}/backup`, { from: text(from), until: text(until) })
  const { body } = await transport.json({ method: 'GET', path, signal: options.signal })
  const state = shaped<LogState & { from: number | null; until: number }>(body, 'the state of a log')
  return backupLog(new RemoteLog(transport, state, options.signal), folder, {
    ...options,
    from: from === undefined ? undefined : (state.from ?? undefined),
    until: state.until,
    announce: async (backup) => {
      const named = { host: hostname(), ...backup }
      await transport.json({ method: 'POST', path: `${apiRoot}/backup`, body: named, signal: options.signal })
    },
  })
}
