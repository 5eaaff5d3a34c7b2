import { invalid } from '../validation/values.ts'
import { columnsJson } from './columns-json.ts'
import { csv } from './csv.ts'
import type { ExchangeFormat } from './exchange-format.ts'
import type { ExchangeFormatName } from './exchange-types.ts'
import { jsonl } from './jsonl.ts'
import { parquet } from './parquet.ts'

const formats: Readonly<Record<ExchangeFormatName, ExchangeFormat>> = {
  jsonl,
  json: columnsJson,
  csv,
  parquet,
}

/** The format of that name. Throws `invalid_argument` for one that there is not. */
export function formatNamed(name: unknown): ExchangeFormat {
  if (typeof name === 'string' && Object.hasOwn(formats, name)) return formats[name as ExchangeFormatName]
  throw invalid('format', `must be one of ${Object.keys(formats).join(', ')}`, name)
}
