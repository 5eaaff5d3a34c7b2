import { isWholeFloat } from '../../metadata-form.ts'
import type { Metadata, MetadataScalar } from '../../types.ts'

/** The typed columns of one metadata value: exactly one of them is not null. */
export type TypedColumns = [
  string_value: string | null,
  int_value: number | bigint | null,
  float_value: number | null,
  bool_value: number | null,
]

/** One row of `record_metadata` (element is null) or of `record_metadata_array`. */
export interface MetadataRow {
  key: string
  element: number | null
  columns: TypedColumns
}

/** The rows for a record's metadata. An array that holds one fraction is one of floats altogether. */
export function metadataRows(metadata: Metadata): MetadataRow[] {
  return Object.entries(metadata).flatMap(([key, value]): MetadataRow[] => {
    if (!Array.isArray(value)) return [{ key, element: null, columns: typedColumns(value) }]
    const fractional = value.some(isFloat)
    return value.map((element, index) => ({
      key,
      element: index,
      columns: typedColumns(element, fractional),
    }))
  })
}

function typedColumns(value: MetadataScalar, fractional = false): TypedColumns {
  if (typeof value === 'string') return [value, null, null, null]
  if (typeof value === 'boolean') return [null, null, null, value ? 1 : 0]
  return fractional || isFloat(value) ? [null, null, Number(value), null] : [null, value, null, null]
}

function isFloat(value: MetadataScalar): boolean {
  return isWholeFloat(value) || (typeof value === 'number' && !Number.isInteger(value))
}
