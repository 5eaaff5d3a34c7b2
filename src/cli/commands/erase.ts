import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Erasure } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import { addYes, type ConfirmFlags, confirm } from '../confirm.ts'
import type { Interrupt } from '../interrupt.ts'
import { addWrite } from '../options.ts'
import type { Output } from '../output.ts'
import { amount, bytesText } from '../units.ts'

interface Flags extends ConfirmFlags {
  certificate?: string
  forks?: boolean
}

/** `annals erase`: records out of all of history. */
export function erase(interrupt: Interrupt): Command {
  const command = storeCommand('erase', {
    description:
      'Removes records from all of history, for good: every version leaves the log, the tables, the graphs and the free parts of their files. The log says that it happened, and still verifies. Ids, actors and reasons stay. Backups and exports keep what they hold; those that are known are named.',
    examples: [
      ['erase guests guest-7 --reason "request of March 1"', 'after asking'],
      ['erase guests guest-7 guest-8 --yes --certificate erased.json', 'with a certificate to keep'],
      ['proof --verify erased.json --trust 1207:0ac2…', 'check it, against the head that erase has printed'],
    ],
  })
    .argument('<collection>', 'name or UUID')
    .argument('<ids...>', 'of the records')
    .option('--forks', 'erase in other collections of the fork family, too, where they hold the same content')
    .option(
      '--certificate <file>',
      'write the certificate into this file, for annals proof --verify (default: none)',
    )
  return addWrite(addYes(command), { keyed: true }).action(
    run<Flags, [string, string[]]>(
      interrupt,
      async (session, { yes = false, certificate, forks = false }, name, ids) => {
        const client = await session.client()
        await confirm(
          session,
          `${amount(ids.length, 'record')} of ${name} will be erased from all of history.`,
          yes,
        )
        const erasure = await client.erase({ collection: name, ids, forks }, session.write())
        if (certificate !== undefined && erasure.certificate !== null)
          writeFileSync(certificate, `${JSON.stringify(erasure.certificate, null, 2)}\n`)
        await session.out.answer(erasure, () => erasureLines(session.out, erasure, certificate))
      },
    ),
  )
}

function erasureLines(out: Output, erasure: Erasure, file: string | undefined): string[] {
  const { receipt, bytes, certificate, backups, backupsComplete } = erasure
  if (certificate === null || certificate.positions.length === 0) return ['There was nothing to erase.']
  const lines = [
    `Erased: ${amount(certificate.positions.length, 'version')}, ${bytesText(bytes)} out of the log, at position ${receipt.position}.`,
  ]
  const { size, root } = certificate.after
  if (file !== undefined) lines.push(`Certificate: ${file}`)
  lines.push(`Head to note down: ${size}:${root}`)
  for (const { host, path, createdAt, present } of backups) {
    const place = host === null ? path : `${path} on ${host}`
    const state = present === false ? ', not there now' : ''
    lines.push(out.style.yellow(`Still held by the backup ${place} of ${createdAt.toISOString()}${state}.`))
  }
  if (!backupsComplete) lines.push(out.style.yellow('There may be other backups that still hold them.'))
  return lines
}
