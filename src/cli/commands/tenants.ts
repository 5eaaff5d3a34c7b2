import type { Command } from 'commander'
import { run, wholeStoreCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { addPage, type PageFlags } from '../options.ts'

/** `annals tenants`: who has databases in a store. */
export function tenants(interrupt: Interrupt): Command {
  const command = wholeStoreCommand('tenants', {
    description:
      'Lists the tenants of a store, by name. The databases of each are listed by annals databases --tenant. On a server it takes an admin of the whole store.',
    examples: [
      ['tenants', 'of the store in ./annals-data'],
      ['tenants --json | jq -r .name', 'only the names'],
    ],
  })
  return addPage(command).action(
    run<PageFlags, []>(interrupt, async (session, { limit, offset }) => {
      const { out } = session
      const found = await (await session.client()).listTenants({ limit, offset })
      if (out.json) {
        for (const one of found) await out.record(one)
        return
      }
      if (found.length === 0) return out.note('No more tenants.')
      const table = await out.table([{ head: 'TENANT', cuttable: true, style: out.style.cyan }])
      await out.lines(table.lines(found.map(({ name }) => [name])))
    }),
  )
}
