/** Tables for people: aligned columns without rulers, as wide as the terminal and no wider. */
import Table from 'cli-table3'
import { oneLine } from './values.ts'
import { cut, cutMiddle, widthOf } from './width.ts'

export interface Column {
  head: string
  align?: 'right'
  /** Whether it may lose columns to the others; default false. */
  cuttable?: boolean
  /** Whether it is left out where the columns do not fit otherwise, the last one first; default false. */
  optional?: boolean
  /** What is cut away: the end, unless said otherwise. */
  cutAt?: 'middle'
  style?: (text: string) => string
}

const gap = 2
/** A column that could be cut further, and is left out first where it may be. */
const comfortable = 12
/** A column that must be cut keeps this much. */
const cutMin = 8
/** Where there is no terminal, lines may be long, but a row must not be a whole document. */
const cellMax = 200

const bare = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' '.repeat(gap),
}

/** A table that is printed in parts: the first one decides the widths. */
export class TablePrinter {
  readonly #given: readonly Column[]
  #columns: readonly Column[]
  readonly #width: number
  readonly #headStyle: (text: string) => string
  #widths: number[] | null = null

  /** `width` in columns; `Infinity` where there is no terminal. */
  constructor(columns: readonly Column[], width: number, headStyle: (text: string) => string) {
    this.#given = columns
    this.#columns = columns
    this.#width = width
    this.#headStyle = headStyle
  }

  /** Heads of the columns that were left out, once lines were asked for. */
  get leftOut(): string[] {
    return this.#given.filter((column) => !this.#columns.includes(column)).map(({ head }) => head)
  }

  /** The lines of some rows, with the heads before the first ones. */
  lines(rows: readonly (readonly string[])[]): string[] {
    const all = rows.map((row) => row.map((text) => oneLine(text.slice(0, cellMax * 16))))
    const isFirst = this.#widths === null
    if (isFirst) this.#columns = fitting(this.#given, all, this.#width)
    const indexes = this.#columns.map((column) => this.#given.indexOf(column))
    const cells = all.map((row) => indexes.map((index) => row[index]!))
    this.#widths ??= widthsOf(this.#columns, cells, this.#width)
    const widths = this.#widths
    const table = new Table({
      chars: bare,
      style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
      colWidths: widths,
      colAligns: this.#columns.map(({ align }) => align ?? 'left'),
    })
    if (isFirst) table.push(this.#columns.map(({ head }) => this.#headStyle(head)))
    for (const row of cells) table.push(row.map((text, index) => this.#cell(text, index, widths[index]!)))
    if (table.length === 0) return []
    return table
      .toString()
      .split('\n')
      .map((line) => line.trimEnd())
  }

  #cell(text: string, index: number, width: number): string {
    const { style = (plain: string) => plain, cutAt } = this.#columns[index]!
    const fitting = cutAt === 'middle' ? cutMiddle(text, width) : cut(text, width)
    return fitting === '' ? '' : style(fitting)
  }
}

/** Widths that hold all cells if they can; else the widest cuttable columns give way. */
function widthsOf(columns: readonly Column[], rows: Rows, width: number): number[] {
  const widths = wantedWidths(columns, rows)
  let excess = totalOf(widths) - width
  while (excess > 0) {
    const candidates = widths.map((one, index) =>
      columns[index]!.cuttable === true && one > cutMin ? one : 0,
    )
    const widest = Math.max(...candidates)
    if (widest === 0) break
    widths[candidates.lastIndexOf(widest)]! -= 1
    excess -= 1
  }
  return widths
}

/** The columns without those optional ones for which there is no room. */
function fitting(columns: readonly Column[], rows: Rows, width: number): Column[] {
  const needed = wantedWidths(columns, rows).map((one, index) =>
    columns[index]!.cuttable === true ? Math.min(one, comfortable) : one,
  )
  const kept = columns.map((column, index) => ({ column, needs: needed[index]! }))
  while (totalOf(kept.map(({ needs }) => needs)) > width) {
    const last = kept.findLastIndex(({ column }) => column.optional === true)
    if (last === -1) break
    kept.splice(last, 1)
  }
  return kept.map(({ column }) => column)
}

type Rows = readonly (readonly string[])[]

function wantedWidths(columns: readonly Column[], rows: Rows): number[] {
  return columns.map(({ head }, index) => {
    const cells = rows.map((row) => Math.min(widthOf(row[index]!.slice(0, cellMax * 2)), cellMax))
    return Math.max(widthOf(head), ...cells)
  })
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, one) => sum + one + gap, -gap)
}
