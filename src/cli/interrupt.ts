import type { ExitCode } from './failure.ts'

/** Why work was given up before its end. */
class Interruption extends Error {}

/**
 * The two ways in which a command is asked to stop: a signal (Ctrl-C), and a reader of standard output that has
 * gone (`| head`).
 *
 * What holds: the first signal aborts what runs, which leaves nothing half done; the second ends the process.
 */
export class Interrupt {
  readonly #controller = new AbortController()
  readonly #onSignal = () => this.#abort()
  #exitCode: ExitCode = 0

  /** Handed to everything that takes long. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** What the process ends with, unless it fails. */
  get exitCode(): ExitCode {
    return this.#exitCode
  }

  set exitCode(code: ExitCode) {
    this.#exitCode = code
  }

  listen(): void {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, this.#onSignal)
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      this.#controller.abort(new Interruption('Nobody reads any more.'))
    })
    process.stderr.on('error', () => undefined)
  }

  /** Signals are somebody else's from now on. */
  handOver(): void {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, this.#onSignal)
  }

  /** For commands that run until they are interrupted: then that is no failure. */
  expect(): void {
    this.signal.addEventListener('abort', () => {
      this.#exitCode = 0
    })
  }

  /** Whether an error says no more than that the work was given up on demand. */
  isHarmless(error: unknown): boolean {
    if (!this.signal.aborted) return false
    return error === this.signal.reason || isBrokenPipe(error)
  }

  #abort(): void {
    if (this.signal.aborted) process.exit(130)
    this.#exitCode = 130
    // Whoever draws on the terminal stops first.
    this.#controller.abort(new Interruption('Interrupted.'))
    if (process.stderr.isTTY === true) process.stderr.write('\nStopping; once more to quit at once.\n')
  }
}

function isBrokenPipe(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if ((cause as NodeJS.ErrnoException).code === 'EPIPE') return true
  return false
}
