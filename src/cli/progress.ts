/** Progress of long work on standard error: a bar on a terminal, now and then a line elsewhere. */
import type { SingleBar } from 'cli-progress'
import type { Output } from './output.ts'
import { countText, durationText } from './units.ts'

/** How far work has come, in one unit. */
export interface Step {
  /** What is being done: `exporting notes`. */
  label: string
  done: number
  /** `null` where it is not known. */
  total: number | null
  /** Default `records`. */
  unit?: string
  /** What people count by, where the share is one of something else, such as of a file's bytes. */
  counted?: number
}

/** Work that is done sooner needs no bar, and no lines. */
const firstBarMs = 300
const lineEveryMs = 10_000
const barColumnsMin = 10
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
  #closed = false

  constructor(out: Output) {
    this.#out = out
  }

  /** Tells how far it is. Another label begins another piece of work. */
  tell(step: Step): void {
    if (this.#out.quiet || this.#closed) return
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

  /** Takes the bar away for good. */
  close(): void {
    this.end()
    this.#closed = true
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
    const { label, done, total } = this.#step
    const { dim, cyan } = this.#out.noteStyle
    const tail = this.#figures(now - this.#startedAt)
    if (total === null || !this.#isTerminal) return `${label}  ${dim(tail.join('  '))}`
    const share = total === 0 ? 1 : Math.min(1, done / total)
    const percent = `${Math.floor(share * 100)} %`.padStart(5)
    const fixed = label.length + percent.length + 6
    const room = () => (process.stderr.columns || 80) - fixed - tail.join('  ').length
    // On a narrow terminal the count gives way, then the rate; how long it will take matters most.
    while (room() < barColumnsMin && tail.length > 1) tail.shift()
    const columns = Math.max(0, Math.min(barColumnsMax, room()))
    const full = Math.round(share * columns)
    const bar = cyan('█'.repeat(full)) + dim('░'.repeat(columns - full))
    return `${label}  ${bar} ${percent}  ${dim(tail.join('  '))}`
  }

  /** How much is done, how fast, and how long it will take, or has taken. */
  #figures(ms: number): string[] {
    const { done, total, unit = 'records', counted } = this.#step!
    const perSecond = (value: number) => (ms > 0 ? (value / ms) * 1000 : 0)
    const progressed = done - this.#startedWith
    const rate = perSecond(counted ?? progressed)
    const figures =
      counted === undefined && total !== null
        ? `${countText(done)} / ${countText(total)}`
        : countText(counted ?? done)
    const isOpen = total === null || progressed === 0
    const left = isOpen ? durationText(ms) : `${durationText(((total - done) / progressed) * ms)} left`
    return [`${figures} ${unit}`, `${countText(Math.round(rate))}/s`, left]
  }
}
