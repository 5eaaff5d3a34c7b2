import { AnnalsError } from '../errors.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { Manifest } from '../projections/metadata/manifest.ts'
import type { MetadataFile } from '../projections/metadata/metadata-file.ts'
import type { VectorStore } from '../projections/vectors/vector-store.ts'
import { checkHead, checkLog } from './check-log.ts'
import { checkCheckpoint, checkMetadata, isSqliteError } from './check-metadata.ts'
import { checkSegments } from './check-segments.ts'
import { DerivedMetadata } from './derived-metadata.ts'
import {
  type Checked,
  type Finding,
  finding,
  nothingChecked,
  type VerifyLevel,
  type VerifyProgress,
} from './findings.ts'

export interface VerifyOptions {
  /**
   * - `quick`: the log's end, the root it was applied to, the manifest, the segment files' presence and size.
   * - `full` (default): every frame of the log, the whole tree, every file's digest.
   * - `deep`: the tables and full text derived again in memory and compared row by row; every vector in every
   *   segment file compared bit for bit with the log's.
   */
  level?: VerifyLevel
  /** Stops it; the call then throws the signal's reason. */
  signal?: AbortSignal
  onProgress?: (progress: VerifyProgress) => void
  /** Told of each finding when it is made. */
  onFinding?: (finding: Finding) => void
}

/** What a verification came to. */
export interface VerifyResult {
  /** No finding is an error. */
  ok: boolean
  level: VerifyLevel
  findings: Finding[]
  checked: Checked
}

export interface VerifyParts {
  log: OperationLog
  metadata: MetadataFile
  manifest: Manifest
  vectors: VectorStore
  /** Waits until nothing of a collection (UUID) is being sealed or rebuilt. */
  settled: (collection: string) => Promise<void>
  /** Whether the metadata is catching up with the log. */
  isApplying: () => boolean
  /** Settles once it is not. */
  applied: () => Promise<void>
  /** Why the metadata was derived anew at the last opening. */
  metadataReplaced: string | null
}

/**
 * Compares everything that an open store holds with what it should hold, and tells each finding as it is made;
 * the count of what was checked is returned. Writes and reads go on meanwhile; no step holds the event loop.
 */
export async function* verifyStore(
  parts: VerifyParts,
  { level = 'full', signal, onProgress }: VerifyOptions = {},
): AsyncGenerator<Finding, Checked> {
  const checked = nothingChecked()
  const tell = (step: VerifyProgress['step']) => (done: number, total: number) => {
    signal?.throwIfAborted()
    onProgress?.({ step, done, total })
  }
  signal?.throwIfAborted()
  // What is being applied is in the log already, and not yet in the tables. Both are read in one turn.
  await parts.applied()
  yield* [...checkCheckpoint(parts.log, parts.metadata.db)]
  if (parts.metadataReplaced !== null)
    yield finding('metadata_replaced', 'metadata.sqlite3', `At the last opening: ${parts.metadataReplaced}.`)
  const isSound = yield* verifyLog(parts, level, checked, tell('log'))
  if (level === 'deep' && isSound) {
    const check = { ...parts, live: parts.metadata.db, checked, mend: false }
    yield* verifyMetadata(check, tell('metadata'))
  }
  const segments = { ...parts, live: parts.metadata.db, level, checked, signal, onSegments: tell('segments') }
  yield* checkSegments(segments)
  return checked
}

/** Gathers the findings. Throws the signal's reason when it is stopped. */
export async function verify(parts: VerifyParts, options: VerifyOptions = {}): Promise<VerifyResult> {
  const findings: Finding[] = []
  const verification = verifyStore(parts, options)
  for (;;) {
    const step = await verification.next()
    if (step.done) {
      const ok = findings.every(({ severity }) => severity !== 'error')
      return { ok, level: options.level ?? 'full', findings, checked: step.value }
    }
    findings.push(step.value)
    options.onFinding?.(step.value)
  }
}

type Tell = (done: number, total: number) => void

/** Answers whether the log can be derived from. */
async function* verifyLog(
  { log }: VerifyParts,
  level: VerifyLevel,
  checked: Checked,
  tell: Tell,
): AsyncGenerator<Finding, boolean> {
  if (level === 'quick') {
    checked.operations = yield* checkHead(log)
    return true
  }
  let isSound = true
  const counting: Tell = (done, total) => {
    checked.operations = done
    tell(done, total)
  }
  for await (const found of checkLog(log, counting)) {
    if (found.code === 'frame_damaged') isSound = false
    yield found
  }
  return isSound
}

/** Derives the tables again and compares them; what the log cannot give is a finding. */
export async function* verifyMetadata(
  check: Omit<Parameters<typeof checkMetadata>[0], 'derived'>,
  tell: Tell,
): AsyncGenerator<Finding> {
  const derived = new DerivedMetadata(check.log)
  try {
    try {
      await derived.catchUp(tell)
    } catch (error) {
      if (!(error instanceof AnnalsError) && !isSqliteError(error)) throw error
      const where = `positions after ${derived.position}`
      yield finding('metadata_underivable', where, `Applying the log failed: ${error.message}.`)
      return
    }
    yield* checkMetadata({ ...check, derived })
  } finally {
    derived.close()
  }
}
