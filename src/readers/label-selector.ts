import { AnnalsError } from '../errors.ts'
import type { At } from '../projections/metadata/catalog.ts'
import type { RecordTable } from '../projections/metadata/record-table.ts'
import type { CollectionRow, VersionRow } from '../projections/metadata/rows.ts'
import { bitsOf } from '../projections/vectors/label-table.ts'
import type { VectorIndex } from '../projections/vectors/vector-index.ts'
import { RecentSelections } from './recent-selections.ts'
import type { AllowedLabels } from './search.ts'
import type { VersionSelector, Wanted } from './selection.ts'

/** Between records and their labels: which vectors a search may find, and whose vectors it has found. */
export class LabelSelector {
  readonly #records: RecordTable
  readonly #versions: VersionSelector
  readonly #recent = new RecentSelections()

  constructor(records: RecordTable, versions: VersionSelector) {
    this.#records = records
    this.#versions = versions
  }

  /** Drops what is remembered of earlier reads. */
  forget(): void {
    this.#recent.forget()
  }

  /**
   * The labels that a search at a position of the past admits, or `null` where only the index can tell. The past
   * stands still, so this may be asked before the index is there.
   */
  async past(row: CollectionRow, wanted: Wanted, at: At): Promise<AllowedLabels | null> {
    return at === null || isUnrestricted(wanted) ? null : this.#selectedAt(row, wanted, at)
  }

  /** The labels that a search admits, in the turn in which `index` is searched. */
  now(row: CollectionRow, wanted: Wanted, index: VectorIndex, at: At): AllowedLabels {
    if (!isUnrestricted(wanted)) return this.#selected(row, wanted)
    return at === null ? index.labels.live : index.labels.liveAt(at)
  }

  /** The versions that carried the labels at `at`, in the labels' order. */
  rowsOf(collection: number, labels: readonly number[], at: At, withDocument: boolean): VersionRow[] {
    const live = new Map<number, VersionRow>()
    for (const row of this.#records.liveByLabels(collection, labels, withDocument)) live.set(row.label, row)
    return labels.map((label) => {
      const row = live.get(label)
      if (row !== undefined && (at === null || row.position <= at)) return row
      const superseded = at === null ? undefined : this.#records.supersededByLabel(collection, label, at)
      if (superseded !== undefined) return superseded
      throw new AnnalsError('internal', `The label ${label} has no record at ${at ?? 'the head'}.`)
    })
  }

  #selected({ key, last_position, next_label }: CollectionRow, { ids, filter }: Wanted): AllowedLabels {
    const select = () => bitsOf(this.#records.labels({ collection: key, ids, filter }), next_label)
    if (ids !== null || filter === null) return select()
    const asked = { collection: key, position: last_position, filter, at: null }
    return this.#recent.find(asked) ?? this.#recent.keep(asked, select())
  }

  async #selectedAt(row: CollectionRow, wanted: Wanted, at: number): Promise<AllowedLabels> {
    const { key, last_position, next_label } = row
    const select = async () => bitsOf(await this.#versions.labels(key, wanted, at), next_label)
    if (wanted.ids !== null || wanted.filter === null) return select()
    const asked = { collection: key, position: last_position, filter: wanted.filter, at }
    return this.#recent.find(asked) ?? this.#recent.keep(asked, await select())
  }
}

function isUnrestricted({ ids, filter }: Wanted): boolean {
  return ids === null && filter === null
}
