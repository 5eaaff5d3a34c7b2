import type { Command } from 'commander'
import { UsageError } from './failure.ts'
import type { Session } from './session.ts'

export interface ConfirmFlags {
  yes?: boolean
}

export function addYes(command: Command): Command {
  return command.option('-y, --yes', 'do not ask')
}

/**
 * Asks whether something that cannot be undone shall be done. Where nobody can be asked, `--yes` must have been
 * given: else it is a `UsageError`. Throws unless the answer is yes.
 */
export async function confirm(session: Session, what: string, yes: boolean): Promise<void> {
  if (yes) return
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true)
    throw new UsageError(`${what} This cannot be undone.`, 'Add --yes if that is what you want.')
  const { createInterface } = await import('node:readline/promises')
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  // The prompt swallows Ctrl-C otherwise.
  asking.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    const question = `${what} ${session.out.noteStyle.bold('This cannot be undone. Go on? [y/N] ')}`
    const answer = await asking.question(question, { signal: session.signal })
    if (!/^y(es)?$/i.test(answer.trim())) throw new Error('Nothing was done.')
  } catch (error) {
    session.signal.throwIfAborted()
    throw error
  } finally {
    asking.close()
  }
}
