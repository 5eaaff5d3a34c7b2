import type { Command } from 'commander'
import { run, wholeStoreCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { addPage, addTenant, type PageFlags } from '../options.ts'

/** `annals databases`: what a tenant has. */
export function databases(interrupt: Interrupt): Command {
  const command = wholeStoreCommand('databases', {
    description: 'Lists the databases of a tenant, by name. annals tenants lists the tenants.',
    examples: [
      ['databases', 'of the default tenant'],
      ['databases --tenant acme --json', 'of another one, for machines'],
    ],
  })
  return addTenant(addPage(command)).action(
    run<PageFlags, []>(interrupt, async (session, { limit, offset }) => {
      const { out } = session
      const client = await session.client()
      const found = await client.listDatabases({ limit, offset })
      if (found.length === 0) await client.getTenant({ name: client.tenant })
      if (out.json) {
        for (const one of found) await out.record(one)
        return
      }
      if (found.length === 0) return out.note(`No databases in ${client.tenant}.`)
      const { cyan, dim } = out.style
      const table = await out.table([
        { head: 'DATABASE', cuttable: true, style: cyan },
        { head: 'ID', style: dim },
      ])
      await out.lines(table.lines(found.map(({ name, id }) => [name, id])))
    }),
  )
}
