/** Which format a file has. */
import { existsSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { ExchangeFormatName } from '../index.ts'
import { UsageError } from './failure.ts'

export const exportFormats: readonly ExchangeFormatName[] = ['jsonl', 'json', 'csv', 'parquet']
export const importFormats: readonly (ExchangeFormatName | 'chroma')[] = [...exportFormats, 'chroma']

/** The format that was named, else the one that the name tells; JSONL for standard input and output. */
export function formatOf<Format extends string>(
  named: string | undefined,
  file: string,
  formats: readonly Format[],
): Format {
  const found = named ?? (isChroma(file) ? 'chroma' : extension(file))
  if (formats.includes(found as Format)) return found as Format
  if (named === undefined && file === '-') return 'jsonl' as Format
  throw new UsageError(
    named === undefined ? `The name of ${file} does not tell its format.` : `${named} is no format.`,
    `Add --format ${formats.join('|')}.`,
  )
}

/** Chroma is imported from its folder, or from a server. */
function isChroma(source: string): boolean {
  return /^https?:\/\//.test(source) || existsSync(join(source, 'chroma.sqlite3'))
}

function extension(file: string): string {
  const name = extname(file).slice(1).toLowerCase()
  return name === 'ndjson' ? 'jsonl' : name
}
