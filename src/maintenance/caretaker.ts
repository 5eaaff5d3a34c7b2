import type { EraseCommand } from '../commands/command.ts'
import type { Writer } from '../commands/writer.ts'
import type { WriteOptions, WriteReceipt } from '../types.ts'
import type { Redactor } from './redactor.ts'
import { planVacuum, type VacuumParts } from './vacuum.ts'

export interface VacuumOptions {
  /** Only say what would go; default false. */
  dryRun?: boolean
  /** Ends it between two steps; what is done stays done. */
  signal?: AbortSignal
  /** Told after each step how many versions have gone so far. */
  onProgress?: (progress: { versions: number }) => void
}

/** What a vacuum did, or would do. */
export interface VacuumReport {
  /** Superseded versions that went. */
  versions: number
  /** Payloads that went from the log. */
  payloads: number
  /** Bytes that they took in the log; 0 for a dry run. */
  bytes: number
  /** Where the history of the collections begins now that lost some; UUID to position. */
  horizons: Record<string, number>
}

/** What an erasure did to the files. */
export interface Redacted {
  receipt: WriteReceipt
  /** Bytes taken out of the log. */
  bytes: number
}

/**
 * Retention and erasure: says in the log what goes, then has it taken out of the files.
 *
 * What holds: one run at a time, for they rewrite the same files.
 */
export class Caretaker {
  readonly #parts: VacuumParts
  readonly #writer: Writer
  readonly #redactor: Redactor
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: VacuumParts, writer: Writer, redactor: Redactor) {
    this.#parts = parts
    this.#writer = writer
    this.#redactor = redactor
  }

  /** Finishes what a crash has interrupted. */
  resume(): Promise<number> {
    return this.#alone(() => this.#redactor.finish())
  }

  /** Settles once nothing of it runs any more. */
  async settled(): Promise<void> {
    await this.#last
  }

  vacuum(options: VacuumOptions = {}, write: WriteOptions = {}): Promise<VacuumReport> {
    return this.#alone(() => this.#vacuum(options, write))
  }

  erase(what: Omit<EraseCommand, 'kind'>, write: WriteOptions): Promise<Redacted> {
    return this.#alone(async () => {
      const { receipt } = await this.#writer.submit({
        command: { kind: 'erase', ...what },
        options: write,
      })
      return { receipt, bytes: await this.#redactor.finish() }
    })
  }

  async #vacuum(options: VacuumOptions, write: WriteOptions): Promise<VacuumReport> {
    const { dryRun = false, signal, onProgress } = options
    const report: VacuumReport = { versions: 0, payloads: 0, bytes: 0, horizons: {} }
    for await (const { collection, ...plan } of planVacuum(this.#parts)) {
      signal?.throwIfAborted()
      if (!dryRun)
        await this.#writer.submit({ command: { kind: 'vacuum', collection, ...plan }, options: write })
      report.versions += plan.versions.length
      report.payloads += plan.payloads.length
      report.horizons[collection] = Math.max(report.horizons[collection] ?? 0, plan.horizon)
      onProgress?.({ versions: report.versions })
    }
    if (!dryRun) report.bytes = await this.#redactor.finish()
    return report
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#last.then(work)
    this.#last = run.catch(() => undefined)
    return run
  }
}
