/** How a command is put together: its help, the options it shares with others, and the way it runs. */
import { Command } from 'commander'
import type { Interrupt } from './interrupt.ts'
import { addOutput, addPath, addScope, addServer } from './options.ts'
import type { Session, SessionFlags } from './session.ts'

export interface CommandHelp {
  /** What it does, where that takes more than the line in `command-list.ts`. */
  description?: string
  /** Command lines with what they do, `annals` left out. */
  examples: readonly (readonly [line: string, what: string])[]
}

/** A command with its help, and the options for output. */
export function plainCommand(name: string, help: CommandHelp): Command {
  return addOutput(bareCommand(name, help))
}

/** A command that works on one store: with the options that name it, too. */
export function storeCommand(name: string, help: CommandHelp): Command {
  return addOutput(addScope(addServer(addPath(bareCommand(name, help)))))
}

/** A command that works on the folder of a store, not on the store. `what` is said of the folder. */
export function folderCommand(name: string, help: CommandHelp, what?: string): Command {
  return addOutput(addPath(bareCommand(name, help), what))
}

/** A command that works on the store above its databases. */
export function wholeStoreCommand(name: string, help: CommandHelp): Command {
  return addOutput(addServer(addPath(bareCommand(name, help))))
}

/** A command with its help, and no options yet. */
export function bareCommand(name: string, { description = '', examples }: CommandHelp): Command {
  const command = new Command(name).description(description)
  const lines = examples.map(([line, what]) => `  # ${what}\n  annals ${line}`)
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}

/** Which flags a handler reads, beside those of the session. */
export type Handler<Flags, Arguments extends unknown[]> = (
  session: Session,
  flags: Flags,
  ...args: Arguments
) => Promise<void>

/**
 * What commander calls for a command: opens nothing by itself, and closes what the handler has opened, whatever
 * comes of it.
 */
export function run<Flags, Arguments extends unknown[]>(
  interrupt: Interrupt,
  handler: Handler<Flags & SessionFlags, Arguments>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    // Commander hands in the arguments, then the options, then the command.
    const flags = given.at(-2) as Flags & SessionFlags
    const { Session } = await import('./session.ts')
    const session = new Session(given.at(-1) as Command, interrupt)
    try {
      await handler(session, flags, ...(given.slice(0, -2) as Arguments))
    } finally {
      await session.close()
    }
  }
}
