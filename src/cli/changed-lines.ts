/** What differs between two versions of a record, part by part. */
import type { RecordImage } from '../index.ts'
import type { Output } from './output.ts'
import { oneLine, valueText, vectorText } from './values.ts'
import { cut, widthOf } from './width.ts'

const indent = '    '
/** Longer names of parts do not push the values of the others aside. */
const nameColumnsMax = 24
const valueColumnsMax = 160

/** One or two lines for each part that differs: what was there, in red, and what is there now, in green. */
export function changedLines(out: Output, before: RecordImage | null, after: RecordImage | null): string[] {
  const [old, now] = [partsOf(before), partsOf(after)]
  const names = [...new Set([...old.keys(), ...now.keys()])].filter(
    (name) => old.get(name)?.whole !== now.get(name)?.whole,
  )
  const nameColumns = Math.min(nameColumnsMax, Math.max(0, ...names.map(widthOf)))
  const room = Math.min(valueColumnsMax, Math.max(20, out.width - nameColumns - indent.length - 4))
  const { dim, red, green, yellow } = out.style
  const lines: string[] = []
  for (const name of names) {
    const shown = cut(oneLine(name), nameColumns)
    const head = `${indent}${dim(shown)}${' '.repeat(Math.max(0, nameColumns - widthOf(shown)))}`
    const [was, is] = [old.get(name), now.get(name)]
    // The beginnings of two vectors say nothing, and are often the same.
    if (name === 'embedding' && before !== null && was !== undefined && is !== undefined) {
      lines.push(`${head}  ${yellow(`~ ${shareText(before.embedding, after!.embedding)}`)}`)
      continue
    }
    if (was !== undefined) lines.push(`${head}  ${red(`− ${cut(was.shown, room)}`)}`)
    const under = was === undefined ? head : ' '.repeat(nameColumns + indent.length)
    if (is !== undefined) lines.push(`${under}  ${green(`+ ${cut(is.shown, room)}`)}`)
  }
  return lines
}

/** One part of a record: what is compared, and what is shown of it. */
interface Part {
  whole: string
  shown: string
}

function partsOf(image: RecordImage | null): Map<string, Part> {
  const parts = new Map<string, Part>()
  if (image === null) return parts
  const { embedding, document, uri, metadata } = image
  const text = (whole: string): Part => ({ whole, shown: oneLine(whole) })
  if (document !== null) parts.set('document', text(document))
  if (embedding.length > 0) parts.set('embedding', { whole: embedding.join(), shown: vectorText(embedding) })
  if (uri !== null) parts.set('uri', text(uri))
  for (const [key, value] of Object.entries(metadata ?? {})) parts.set(key, text(valueText(value)))
  return parts
}

function shareText(old: readonly number[], now: readonly number[]): string {
  const different = now.filter((value, index) => !Object.is(value, old[index])).length
  return `${different} of ${now.length} values`
}
