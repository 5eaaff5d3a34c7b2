import { readFileSync } from 'node:fs'

const lines = readFileSync(new URL('../data/facts.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')

/** The 399 facts of examples/data/facts.jsonl: `{ id, document, metadata }`. */
export const facts = lines.map((line) => JSON.parse(line))

/** Facts as the columns that `add` takes. */
export function columns(records) {
  return {
    ids: records.map(({ id }) => id),
    documents: records.map(({ document }) => document),
    metadatas: records.map(({ metadata }) => metadata),
  }
}
