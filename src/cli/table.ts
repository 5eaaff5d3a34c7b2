/** Tables for people: aligned columns without rulers, as wide as the terminal and no wider. */
import Table from 'cli-table3'
import { oneLine } from './values.ts'
import { cut, cutMiddle, widthOf } from './width.ts'

export interface Column {
  head: string
  align?: 'right'
  /** Whether it may lose columns to the others; default false. */
  cuttable?: boolean
  /** What is cut away: the end, unless said otherwise. */
  cutAt?: 'middle'
  style?: (text: string) => string
}

const gap = 2
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
  readonly #columns: readonly Column[]
  readonly #width: number
  readonly #headStyle: (text: string) => string
  #widths: number[] | null = null

  /** `width` in columns; `Infinity` where there is no terminal. */
  constructor(columns: readonly Column[], width: number, headStyle: (text: string) => string) {
    this.#columns = columns
    this.#width = width
    this.#headStyle = headStyle
  }

  /** The lines of some rows, with the heads before the first ones. */
  lines(rows: readonly (readonly string[])[]): string[] {
    const cells = rows.map((row) => row.map((text) => oneLine(text.slice(0, cellMax * 16))))
    const isFirst = this.#widths === null
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
function widthsOf(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): number[] {
  const widths = columns.map(({ head }, index) => {
    const cells = rows.map((row) => Math.min(widthOf(row[index]!.slice(0, cellMax * 2)), cellMax))
    return Math.max(widthOf(head), ...cells)
  })
  let excess = widths.reduce((sum, one) => sum + one + gap, -gap) - width
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
