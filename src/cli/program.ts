import { Command } from 'commander'
import { packageVersion } from '../package-version.ts'
import { add } from './commands/add.ts'
import { backup } from './commands/backup.ts'
import { changes } from './commands/changes.ts'
import { checkpoint } from './commands/checkpoint.ts'
import { collections } from './commands/collections.ts'
import { compact } from './commands/compact.ts'
import { completion } from './commands/completion.ts'
import { count } from './commands/count.ts'
import { createDatabase } from './commands/create-database.ts'
import { createTenant } from './commands/create-tenant.ts'
import { databases } from './commands/databases.ts'
import { deleteCommand } from './commands/delete.ts'
import { diff } from './commands/diff.ts'
import { drop } from './commands/drop.ts'
import { erase } from './commands/erase.ts'
import { exportCommand } from './commands/export.ts'
import { follow } from './commands/follow.ts'
import { fork } from './commands/fork.ts'
import { get } from './commands/get.ts'
import { history } from './commands/history.ts'
import { importCommand } from './commands/import.ts'
import { inspect } from './commands/inspect.ts'
import { log } from './commands/log.ts'
import { proof } from './commands/proof.ts'
import { query } from './commands/query.ts'
import { reindex } from './commands/reindex.ts'
import { repair } from './commands/repair.ts'
import { replay } from './commands/replay.ts'
import { restore } from './commands/restore.ts'
import { retention } from './commands/retention.ts'
import { run } from './commands/run.ts'
import { search } from './commands/search.ts'
import { stats } from './commands/stats.ts'
import { tag } from './commands/tag.ts'
import { tenants } from './commands/tenants.ts'
import { vacuum } from './commands/vacuum.ts'
import { verify } from './commands/verify.ts'
import { helpStyle } from './help-style.ts'
import type { Interrupt } from './interrupt.ts'

type MakeCommand = (interrupt: Interrupt) => Command

/** In the order in which help tells them. */
const groups: readonly (readonly [heading: string, commands: readonly MakeCommand[]])[] = [
  ['Server:', [run]],
  ['Records:', [count, get, query, search, add, deleteCommand]],
  ['Collections and databases:', [collections, fork, drop, databases, createDatabase, tenants, createTenant]],
  ['Past and audit:', [history, log, diff, changes, tag, proof, checkpoint]],
  ['Copies and other formats:', [backup, restore, replay, follow, importCommand, exportCommand]],
  ['Care:', [stats, inspect, verify, repair, compact, reindex, retention, vacuum, erase]],
  ['Shell:', [completion]],
]

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

/** The whole command line. What a command works with is only loaded when it runs. */
export function makeProgram(interrupt: Interrupt): Command {
  const program = new Command('annals')
    .description(
      'A vector store with a memory: every change is kept in a durable log, and can be read, proven and replayed.',
    )
    .usage('<command> [options]')
    .version(packageVersion(), '-v, --version', 'the version of annals')
    .helpOption('-h, --help', 'this help')
    .configureHelp(helpStyle)
    .addHelpText('after', environmentHelp())
    .showHelpAfterError('Run annals --help, or annals <command> --help, to see what there is.')
  for (const [heading, commands] of groups) {
    program.commandsGroup(heading)
    for (const make of commands) program.addCommand(make(interrupt))
  }
  program.helpCommand('help [command]', 'the same as --help')
  program.exitOverride()
  for (const command of program.commands)
    command.copyInheritedSettings(program).helpOption('-h, --help', 'this help')
  return program
}

function environmentHelp(): string {
  const width = Math.max(...environment.map(([name]) => name.length))
  const lines = environment.map(([name, what]) => `  ${name.padEnd(width)}  ${what}`)
  return `\nEnvironment:\n${lines.join('\n')}\n\nExit codes: 0 done, 1 findings or failure, 2 not understood, 130 interrupted.`
}
