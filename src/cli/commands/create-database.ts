import type { Command } from 'commander'
import { run, wholeStoreCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { addTenant, addWrite } from '../options.ts'

/** `annals create-database`: room for collections. */
export function createDatabase(interrupt: Interrupt): Command {
  const command = wholeStoreCommand('create-database', {
    description: 'Makes a database in a tenant. Other commands work in it with --database.',
    examples: [
      ['create-database search', 'in the default tenant'],
      ['create-database search --tenant acme', 'in another one'],
    ],
  }).argument('<name>', 'of the database')
  return addWrite(addTenant(command), { keyed: true }).action(
    run<object, [string]>(interrupt, async (session, _flags, name) => {
      const client = await session.client()
      const receipt = await client.createDatabase({ name }, session.write())
      const { tenant } = client
      await session.out.answer(
        { database: name, tenant, ...receipt },
        () => `The database ${tenant}/${name} is made.`,
      )
    }),
  )
}
