import type { Command } from 'commander'
import { run, wholeStoreCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { addWrite } from '../options.ts'

/** `annals create-tenant`: room for databases. */
export function createTenant(interrupt: Interrupt): Command {
  const command = wholeStoreCommand('create-tenant', {
    description: 'Makes a tenant. It has no database yet: annals create-database makes one.',
    examples: [
      ['create-tenant acme', 'one more'],
      ['create-database search --tenant acme', 'a database in it'],
      ['create-tenant acme --url http://localhost:8000', 'on a server; takes an admin'],
    ],
  }).argument('<name>', 'of the tenant')
  return addWrite(command, { keyed: true }).action(
    run<object, [string]>(interrupt, async (session, _flags, name) => {
      const receipt = await (await session.client()).createTenant({ name }, session.write())
      await session.out.answer({ tenant: name, ...receipt }, () => `The tenant ${name} is made.`)
    }),
  )
}
