/** What is stopped: a running server. */
interface Stoppable {
  close(): Promise<void>
}

/** Ends the process; tests hand in their own. */
type Exit = (code: number) => void

const signals = ['SIGTERM', 'SIGINT'] as const
/** What shells report of a process that a signal ended. */
const endedBy = { SIGTERM: 143, SIGINT: 130 } as const

/**
 * Stops a server when the process is told to end: what runs is finished, the store is flushed and its lock
 * released, and the process exits with 0; with 1 when that fails. A second signal ends it at once: what was
 * acknowledged is durable all the same.
 */
export function stopOnSignals(
  server: Stoppable,
  log: { info(message: string): void; error(data: object, message: string): void },
  exit: Exit = (code) => process.exit(code),
): void {
  let stopping = false
  for (const signal of signals)
    process.on(signal, () => {
      if (stopping) {
        exit(endedBy[signal])
        return
      }
      stopping = true
      log.info(`${signal}: stopping`)
      server.close().then(
        () => exit(0),
        (error: unknown) => {
          log.error({ err: error }, 'The server did not stop cleanly')
          exit(1)
        },
      )
    })
}
