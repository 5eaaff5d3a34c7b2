import type { OperationRecord, RecordOperation } from '../types.ts'

/** Which collections are forks, and of what: as told by the operation records met so far. */
export class Lineage {
  /** The source of each collection whose creation was met; `null` for one that is no fork. */
  readonly #sources = new Map<string, string | null>()
  #hasGaps = false

  note(record: OperationRecord): void {
    if (record.type === 'lost') this.noteGap()
    if (record.type === 'create-collection')
      this.#sources.set(record.collection, record.forkedFrom?.source ?? null)
  }

  /** Records could not be read: creations may be among them. */
  noteGap(): void {
    this.#hasGaps = true
  }

  /**
   * Whether a record may stand on content that another collection was given: that of its own, or of one that it
   * comes from by forks. Where a creation was not met and the log has gaps, that cannot be denied.
   */
  mayStandOn({ collection }: RecordOperation, holder: string): boolean {
    let at: string | null | undefined = collection
    while (at != null) {
      if (at === holder) return true
      at = this.#sources.get(at)
    }
    return at === undefined && this.#hasGaps
  }
}
