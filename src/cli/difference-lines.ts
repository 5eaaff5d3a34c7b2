/** Differences between two points, for people. */
import type { CollectionDifference, Difference } from '../index.ts'
import { changedLines } from './changed-lines.ts'
import type { Output } from './output.ts'
import { timeText } from './units.ts'
import { metadataText, oneLine } from './values.ts'

const signs = { added: '+', created: '+', updated: '~', modified: '~', deleted: '−' } as const

/** A line that names what differs, and below it each part that does. */
export function differenceLines(
  out: Output,
  difference: Difference,
  { named }: { named: boolean },
): string[] {
  const { kind, by, collectionName } = difference
  const { green, yellow, red, bold, dim } = out.style
  const paint = { '+': green, '~': yellow, '−': red }[signs[kind]]
  const who = by.actor === null ? '' : ` by ${oneLine(by.actor)}`
  const when = dim(`${timeText(by.committedAt)}${who} at ${by.position}`)
  if (difference.subject === 'collection') {
    const head = `${paint(signs[kind])} ${bold(`collection ${collectionName}`)} ${kind}  ${when}`
    return [head, ...collectionLines(difference)]
  }
  const place = named ? dim(`${collectionName}/`) : ''
  const head = `${paint(signs[kind])} ${place}${bold(oneLine(difference.id))} ${kind}  ${when}`
  // What is gone is in its history; what came is worth a look.
  const parts = kind === 'deleted' ? [] : changedLines(out, difference.before, difference.after)
  return [head, ...parts]
}

function collectionLines({ kind, before, after }: CollectionDifference): string[] {
  if (kind !== 'modified' || before === null || after === null) return []
  const lines: string[] = []
  const tell = (what: string, old: string, now: string) => {
    if (old !== now) lines.push(`    ${what}  − ${old}`, `    ${' '.repeat(what.length)}  + ${now}`)
  }
  tell('name', before.name, after.name)
  tell('metadata', metadataText(before.metadata), metadataText(after.metadata))
  tell('configuration', JSON.stringify(before.configuration.hnsw), JSON.stringify(after.configuration.hnsw))
  return lines
}
