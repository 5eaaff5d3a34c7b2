import { once } from 'node:events'
import pc from 'picocolors'
import type { Column, TablePrinter } from './table.ts'

export interface OutputOptions {
  /** One JSON value on each line instead of tables. */
  json: boolean
  /** Nothing on standard error but failures. */
  quiet: boolean
  /** `false`: none, even on a terminal. */
  color: boolean
}

/** Only what differs between a terminal and a pipe: the colours, and how wide a line may be. */
export type Style = ReturnType<typeof pc.createColors>

/**
 * Where answers go: standard output. Notes and progress go to standard error, so that they never get between
 * the answers. Slow readers are waited for.
 */
export class Output {
  readonly json: boolean
  readonly quiet: boolean
  readonly style: Style
  /** For what is written to standard error. */
  readonly noteStyle: Style
  /** Columns of the terminal; `Infinity` where there is none. */
  readonly width: number

  constructor({ json, quiet, color }: OutputOptions) {
    const mayColour = color && process.env.NO_COLOR === undefined
    this.json = json
    this.quiet = quiet
    this.style = pc.createColors(mayColour && process.stdout.isTTY === true)
    this.noteStyle = pc.createColors(mayColour && process.stderr.isTTY === true)
    this.width = process.stdout.isTTY === true ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY
  }

  /** Writes text as it is. */
  async write(text: string): Promise<void> {
    if (!process.stdout.write(text)) await once(process.stdout, 'drain')
  }

  async lines(lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await this.write(`${lines.join('\n')}\n`)
  }

  /** One value as exact JSON on a line of its own; dates in ISO 8601. */
  async record(value: unknown): Promise<void> {
    const { writeJson } = await import('../wire/json.ts')
    await this.write(`${writeJson(value)}\n`)
  }

  /** One answer: as JSON, or as `text` has it for people. */
  async answer(value: unknown, text: () => string | readonly string[]): Promise<void> {
    if (this.json) return this.record(value)
    const told = text()
    await this.lines(typeof told === 'string' ? [told] : told)
  }

  /** A table as wide as the terminal. */
  async table(columns: readonly Column[]): Promise<TablePrinter> {
    const { TablePrinter } = await import('./table.ts')
    return new TablePrinter(columns, this.width, this.style.dim)
  }

  /** Something worth knowing beside the answer; not for machines. */
  note(text: string): void {
    if (!this.quiet && !this.json) process.stderr.write(`${this.noteStyle.dim(text)}\n`)
  }

  /** What becomes of work that goes on for long; also beside JSON, since standard output cannot tell. */
  status(text: string): void {
    if (!this.quiet) process.stderr.write(`${this.noteStyle.dim(text)}\n`)
  }

  /** Something that must not be overlooked. */
  warn(text: string): void {
    process.stderr.write(`${this.noteStyle.yellow('warning:')} ${text}\n`)
  }

  /** `name  value` lines, the names in one width; entries without a value are left out. */
  fields(entries: readonly (readonly [name: string, value: string | number | null | undefined])[]): string[] {
    const told = entries.filter(([, value]) => value !== null && value !== undefined)
    const width = Math.max(...told.map(([name]) => name.length))
    return told.map(([name, value]) => `${this.style.dim(name.padEnd(width))}  ${value}`)
  }
}
