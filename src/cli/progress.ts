/** Progress of long work on standard error: a bar on a terminal, now and then a line elsewhere. */
import type { SingleBar } from 'cli-progress'
import type { Output } from './output.ts'
import { bytesText, countText, durationText } from './units.ts'

/** How far work has come, in one unit. */
export interface Step {
  /** What is being done: `exporting notes`. */
  label: string
  done: number
  /** `null` where it is not known. */
  total: number | null
  /** `B` is told as KiB, MiB and so on; default `records`. */
  unit?: string
  /** What else is worth knowing, such as a second count. */
  also?: string
}

/** Work that is done sooner needs no bar, and no lines. */
const firstBarMs = 300
const lineEveryMs = 10_000
const barColumnsMax = 30

/**
 * What holds: nothing is shown for quick work, with `--quiet`, or after `end`; the bar is gone when it ends, so
 * that what follows stands alone.
 */
export class Progress {
  readonly #out: Output
  readonly #isTerminal = process.stderr.isTTY === true
  #step: Step | null = null
  #startedAt = 0
  #startedWith = 0
  #lineAt = 0
  #bar: SingleBar | null = null
  #loading = false

  constructor(out: Output) {
    this.#out = out
  }

  /** Tells how far it is. Another label begins another piece of work. */
  tell(step: Step): void {
    if (this.#out.quiet) return
    const now = performance.now()
    if (this.#step?.label !== step.label) this.#begin(step, now)
    this.#step = step
    if (this.#isTerminal) this.#draw(now)
    else if (now - this.#lineAt >= lineEveryMs) this.#line(now)
  }

  /** Takes the bar away. */
  end(): void {
    this.#bar?.stop()
    this.#bar = null
    this.#step = null
  }

  #begin(step: Step, now: number): void {
    this.end()
    this.#startedAt = now
    this.#startedWith = step.done
    this.#lineAt = now
  }

  #draw(now: number): void {
    if (this.#bar !== null) this.#bar.update(this.#step!.done)
    else if (!this.#loading && now - this.#startedAt >= firstBarMs) this.#show()
  }

  #show(): void {
    this.#loading = true
    import('cli-progress').then(({ default: { SingleBar } }) => {
      this.#loading = false
      if (this.#step === null) return
      this.#bar = new SingleBar({
        format: () => this.#text(performance.now()),
        stream: process.stderr,
        clearOnComplete: true,
        hideCursor: true,
        // The process has a way of its own to end on a signal.
        gracefulExit: false,
        fps: 8,
      })
      // Its own total is of no use: some work has none.
      this.#bar.start(1, 0)
    })
  }

  #line(now: number): void {
    this.#lineAt = now
    process.stderr.write(`${this.#text(now)}\n`)
  }

  #text(now: number): string {
    if (this.#step === null) return ''
    const { label, done, total, unit = 'records', also } = this.#step
    const { dim, cyan } = this.#out.noteStyle
    const inUnit = unit === 'B' ? bytesText : countText
    const ms = now - this.#startedAt
    const rate = ms > 0 ? ((done - this.#startedWith) / ms) * 1000 : 0
    const figures = total === null ? inUnit(done) : `${inUnit(done)} / ${inUnit(total)}`
    const speed = `${inUnit(Math.round(rate))}/s`
    const left =
      total === null || rate === 0 ? durationText(ms) : `${durationText(((total - done) / rate) * 1000)} left`
    const parts = [unit === 'B' ? figures : `${figures} ${unit}`, also, speed, left]
    const tail = parts.filter((part) => part !== undefined).join('  ')
    if (total === null || !this.#isTerminal) return `${label}  ${dim(tail)}`
    const share = total === 0 ? 1 : Math.min(1, done / total)
    const percent = `${Math.floor(share * 100)} %`.padStart(5)
    const room = (process.stderr.columns || 80) - label.length - tail.length - percent.length - 5
    const columns = Math.min(barColumnsMax, room)
    if (columns < 5) return `${label} ${percent}  ${dim(tail)}`
    const full = Math.round(share * columns)
    return `${label}  ${cyan('█'.repeat(full))}${dim('░'.repeat(columns - full))} ${percent}  ${dim(tail)}`
  }
}
