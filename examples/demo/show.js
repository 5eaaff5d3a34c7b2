// How the demo talks: headings, columns, and claims that it checks before it makes them.
import { createHash } from 'node:crypto'

const columnsMax = 100
let headings = 0
let claims = 0
let failures = 0

/** A numbered heading with a rule that ends at column 100. */
export function heading(title) {
  headings += 1
  const text = `── ${headings}. ${title} `
  console.log(`\n${text.padEnd(columnsMax, '─')}\n`)
}

export function say(text = '') {
  console.log(`  ${text}`.trimEnd())
}

/** Says a claim, and whether it holds. */
export function claim(text, holds) {
  claims += 1
  if (!holds) failures += 1
  console.log(`  ${holds ? '✓' : '✗ NOT TRUE:'} ${text}`)
}

/** Says how many claims held, and sets the exit code. */
export function verdict() {
  const outcome =
    failures === 0 ? `All ${claims} claims hold.` : `${failures} of ${claims} claims do not hold.`
  console.log(`\n${outcome}`)
  if (failures > 0) process.exitCode = 1
}

/** Rows in aligned columns; numbers to the right, the last column cut where the terminal ends. */
export function table(names, rows, indent = '  ') {
  const cells = [names, ...rows].map((row) => row.map((cell) => String(cell ?? '')))
  const widths = names.map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const line = (row, fill = ' ') =>
    row
      .map((cell, column) =>
        typeof rows[0]?.[column] === 'number'
          ? cell.padStart(widths[column], fill)
          : cell.padEnd(widths[column], fill),
      )
      .join('  ')
  for (const row of cells) console.log(cut(`${indent}${line(row)}`, columnsMax).trimEnd())
}

/** The neighbours of one query: distance, id, and the beginning of the document. */
export function neighbors(question, result) {
  console.log(`  ${question}`)
  const rows = result.rows()[0]
  const width = Math.max(...rows.map(({ id }) => id.length))
  for (const { distance, id, document } of rows)
    console.log(cut(`    ${distance.toFixed(3)}  ${id.padEnd(width)}  ${document}`, columnsMax))
  console.log()
}

export function cut(text, length) {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}

export function ms(start) {
  return `${Math.round(performance.now() - start)} ms`
}

/** A digest of anything that JSON can hold: two answers are equal when theirs are. */
export function fingerprint(value) {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)
}
