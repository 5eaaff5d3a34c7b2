/**
 * Every command by its name, with the one line that help tells of it. What else there is of each stands in its file,
 * which is loaded when the command is meant: so help comes at once.
 */
import type { Command } from 'commander'
import type { Interrupt } from './interrupt.ts'

export interface CommandEntry {
  readonly name: string
  /** What it does, in one line. */
  readonly summary: string
  load(): Promise<(interrupt: Interrupt) => Command>
}

/** In the order in which help tells them. */
export const commandGroups: readonly { heading: string; commands: readonly CommandEntry[] }[] = [
  {
    heading: 'Server:',
    commands: [
      {
        name: 'run',
        summary: "serve a store over HTTP: Chroma's API and ours",
        load: async () => (await import('./commands/run.ts')).run,
      },
    ],
  },
  {
    heading: 'Records:',
    commands: [
      {
        name: 'count',
        summary: 'count the records of a collection',
        load: async () => (await import('./commands/count.ts')).count,
      },
      {
        name: 'get',
        summary: 'show records by id or filter, in insertion order',
        load: async () => (await import('./commands/get.ts')).get,
      },
      {
        name: 'query',
        summary: 'find the records nearest to a text or a vector',
        load: async () => (await import('./commands/query.ts')).query,
      },
      {
        name: 'search',
        summary: "rank records by an expression: Chroma's Search API",
        load: async () => (await import('./commands/search.ts')).search,
      },
      {
        name: 'add',
        summary: 'add records from standard input, one JSON object on each line',
        load: async () => (await import('./commands/add.ts')).add,
      },
      {
        name: 'delete',
        summary: 'delete records by id or filter; the past keeps them',
        load: async () => (await import('./commands/delete.ts')).deleteCommand,
      },
    ],
  },
  {
    heading: 'Collections and databases:',
    commands: [
      {
        name: 'collections',
        summary: 'list the collections of a database',
        load: async () => (await import('./commands/collections.ts')).collections,
      },
      {
        name: 'fork',
        summary: 'make a new collection with the records of another one',
        load: async () => (await import('./commands/fork.ts')).fork,
      },
      {
        name: 'drop',
        summary: 'delete a collection with all of its records',
        load: async () => (await import('./commands/drop.ts')).drop,
      },
      {
        name: 'databases',
        summary: 'list the databases of a tenant',
        load: async () => (await import('./commands/databases.ts')).databases,
      },
      {
        name: 'create-database',
        summary: 'make a database in a tenant',
        load: async () => (await import('./commands/create-database.ts')).createDatabase,
      },
      {
        name: 'tenants',
        summary: 'list the tenants of a store',
        load: async () => (await import('./commands/tenants.ts')).tenants,
      },
      {
        name: 'create-tenant',
        summary: 'make a tenant; it has no database yet',
        load: async () => (await import('./commands/create-tenant.ts')).createTenant,
      },
    ],
  },
  {
    heading: 'Past and audit:',
    commands: [
      {
        name: 'history',
        summary: 'show every version of a record: what, who, when and why',
        load: async () => (await import('./commands/history.ts')).history,
      },
      {
        name: 'log',
        summary: 'read the operation log: each change, by whom, when and why',
        load: async () => (await import('./commands/log.ts')).log,
      },
      {
        name: 'diff',
        summary: 'compare two points of the past: what came, changed, went',
        load: async () => (await import('./commands/diff.ts')).diff,
      },
      {
        name: 'changes',
        summary: 'stream changes with the records before and after them',
        load: async () => (await import('./commands/changes.ts')).changes,
      },
      {
        name: 'tag',
        summary: 'name a point of the past, list the names, or take one away',
        load: async () => (await import('./commands/tag.ts')).tag,
      },
      {
        name: 'proof',
        summary: 'prove that an operation stands in the log, or verify a proof',
        load: async () => (await import('./commands/proof.ts')).proof,
      },
      {
        name: 'checkpoint',
        summary: 'print head and root of the log, signed, or verify a note',
        load: async () => (await import('./commands/checkpoint.ts')).checkpoint,
      },
    ],
  },
  {
    heading: 'Copies and other formats:',
    commands: [
      {
        name: 'backup',
        summary: 'copy the log into a folder, while writes go on',
        load: async () => (await import('./commands/backup.ts')).backup,
      },
      {
        name: 'restore',
        summary: 'make a new store of a backup, up to a point if wished',
        load: async () => (await import('./commands/restore.ts')).restore,
      },
      {
        name: 'replay',
        summary: 'derive a new store from the log of another, or from a backup',
        load: async () => (await import('./commands/replay.ts')).replay,
      },
      {
        name: 'follow',
        summary: 'keep a copy of a store up to date, until Ctrl-C',
        load: async () => (await import('./commands/follow.ts')).follow,
      },
      {
        name: 'import',
        summary: 'read records from a file, or everything from Chroma',
        load: async () => (await import('./commands/import.ts')).importCommand,
      },
      {
        name: 'export',
        summary: 'write the records of a collection to a file',
        load: async () => (await import('./commands/export.ts')).exportCommand,
      },
    ],
  },
  {
    heading: 'Care:',
    commands: [
      {
        name: 'stats',
        summary: 'show figures of the store: head, sizes, segments, memory',
        load: async () => (await import('./commands/stats.ts')).stats,
      },
      {
        name: 'inspect',
        summary: "show what lies where in a store's folder, without opening it",
        load: async () => (await import('./commands/inspect.ts')).inspect,
      },
      {
        name: 'verify',
        summary: 'compare what the store holds with what it should hold',
        load: async () => (await import('./commands/verify.ts')).verify,
      },
      {
        name: 'repair',
        summary: 'put right whatever can be derived from the log',
        load: async () => (await import('./commands/repair.ts')).repair,
      },
      {
        name: 'compact',
        summary: 'merge small graphs of every collection into fewer',
        load: async () => (await import('./commands/compact.ts')).compact,
      },
      {
        name: 'reindex',
        summary: 'build the graphs of a collection again, with other options',
        load: async () => (await import('./commands/reindex.ts')).reindex,
      },
      {
        name: 'retention',
        summary: 'show or set how long superseded versions are kept',
        load: async () => (await import('./commands/retention.ts')).retention,
      },
      {
        name: 'vacuum',
        summary: 'let go of the history that retention no longer keeps',
        load: async () => (await import('./commands/vacuum.ts')).vacuum,
      },
      {
        name: 'erase',
        summary: 'remove records from all of history, for good',
        load: async () => (await import('./commands/erase.ts')).erase,
      },
    ],
  },
  {
    heading: 'Shell:',
    commands: [
      {
        name: 'completion',
        summary: 'print the completion script for a shell',
        load: async () => (await import('./commands/completion.ts')).completion,
      },
    ],
  },
]
