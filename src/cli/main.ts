import { CommanderError } from 'commander'
import type { ExitCode } from './failure.ts'
import { Interrupt } from './interrupt.ts'
import { makeProgram, meantBy } from './program.ts'

/**
 * Runs one command line, and answers its exit code: 0, 1 for findings and failures, 2 for a command line that
 * cannot be understood, 130 when it was interrupted.
 */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  const interrupt = new Interrupt()
  const program = await makeProgram(interrupt, meantBy(argv))
  let writes = false
  program.hook('preAction', async (_program, command) => {
    const { takesAuthor } = await import('./options.ts')
    writes = takesAuthor(command)
  })
  interrupt.listen()
  // A command may wait for what nothing in this process announces, such as a signal; Node would end it.
  const alive = setInterval(() => undefined, 2 ** 30)
  try {
    await program.parseAsync(argv)
    return interrupt.exitCode
  } catch (error) {
    // Commander has said by then what it has to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (interrupt.isHarmless(error)) return interrupt.exitCode
    const { exitCodeOf, failureText } = await import('./failure.ts')
    const asJson = argv.includes('--json')
    process.stderr.write(failureText(error, { asJson, colour: process.stderr.isTTY === true, writes }))
    return exitCodeOf(error)
  } finally {
    clearInterval(alive)
  }
}
