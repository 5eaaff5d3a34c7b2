import { Command } from 'commander'
import { packageVersion } from '../package-version.ts'
import { type CommandEntry, commandGroups } from './command-list.ts'
import { helpStyle } from './help-style.ts'
import type { Interrupt } from './interrupt.ts'

const environment = [
  ['ANNALS_PATH', 'the folder of a store, as --path'],
  ['ANNALS_URL', 'a running server, as --url'],
  ['ANNALS_TOKEN', 'the token for that server'],
  ['ANNALS_TENANT', 'as --tenant'],
  ['ANNALS_DATABASE', 'as --database'],
  ['ANNALS_ACTOR', 'who writes, as --actor'],
  ['ANNALS_…', 'every setting of the server: annals run --help'],
  ['NO_COLOR', 'no colours, whatever its value'],
] as const

const examples = `
Examples:
  # records into a new collection, one JSON object on each line
  annals add notes --create < notes.jsonl
  # the nearest to a text
  annals query notes "rusting iron"
  # the same from a server, which annals run has started
  annals query notes "rusting iron" --url http://localhost:8000
  # what a command takes, with examples
  annals query --help`

/**
 * The command line. Of the commands that are not `meant` it has the names and what they do, which is all that help
 * tells of them; without `meant` it has all of them whole. What a command works with is loaded when it runs.
 */
export async function makeProgram(
  interrupt: Interrupt,
  meant: (name: string) => boolean = () => true,
): Promise<Command> {
  const program = new Command('annals')
    .description(
      'A vector store with a memory: every change is kept in a durable log, and can be read, proven and replayed.',
    )
    .usage('<command> [options]')
    .version(packageVersion(), '-v, --version', 'the version of annals')
    .helpOption('-h, --help', 'this help')
    .configureHelp(helpStyle)
    .addHelpText('after', `${examples}\n${environmentHelp()}`)
    .showHelpAfterError('Run annals --help, or annals <command> --help, to see what there is.')
  for (const { heading, commands } of commandGroups) {
    program.commandsGroup(heading)
    for (const entry of commands)
      program.addCommand(
        meant(entry.name) ? await whole(entry, interrupt) : new Command(entry.name).summary(entry.summary),
      )
  }
  program.helpCommand('help [command]', 'show the help of a command, as its --help')
  program.exitOverride()
  for (const command of program.commands)
    command.copyInheritedSettings(program).helpOption('-h, --help', 'this help')
  return program
}

/** Which commands a command line needs whole. */
export function meantBy(argv: readonly string[]): (name: string) => boolean {
  const words = argv.slice(2).filter((word) => !word.startsWith('-'))
  const name = words[0] === 'help' ? words[1] : words[0]
  // A completion script knows the flags of all.
  return (one) => name === 'completion' || one === name
}

async function whole({ load, summary }: CommandEntry, interrupt: Interrupt): Promise<Command> {
  const command = (await load())(interrupt).summary(summary)
  if (command.description() === '')
    command.description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
  return command
}

function environmentHelp(): string {
  const width = Math.max(...environment.map(([name]) => name.length))
  const lines = environment.map(([name, what]) => `  ${name.padEnd(width)}  ${what}`)
  return `\nEnvironment:\n${lines.join('\n')}\n\nExit codes: 0 done, 1 findings or failure, 2 not understood, 130 interrupted.`
}
