import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import { readInput } from '../input-file.ts'
import type { Interrupt } from '../interrupt.ts'
import type { Session } from '../session.ts'

interface Flags {
  key?: string
  verify?: string
  publicKey?: string
}

/** `annals checkpoint`: the head of the log, signed. */
export function checkpoint(interrupt: Interrupt): Command {
  return storeCommand('checkpoint', {
    description:
      'Prints the head of the log and the root over it, to be kept where the owner of the store cannot change it. With a key it is a signed note, which --verify checks without any store.',
    examples: [
      ['checkpoint', 'head and root'],
      ['checkpoint --key annals.pem > checkpoint.txt', 'a signed note'],
      ['checkpoint --verify checkpoint.txt --public-key annals.pub.pem', 'is it genuine? Needs no store'],
    ],
  })
    .option(
      '--key <file>',
      'a PEM file of the Ed25519 key to sign with (default: that of the server, if it has one)',
    )
    .option('--verify <file>', 'check the note in a file, - for standard input, instead (default: none)')
    .option('--public-key <key>', 'for --verify: who signed it, a PEM file or a verifier key (default: none)')
    .action(
      run<Flags, []>(interrupt, async (session, { key, verify, publicKey }) => {
        if (verify !== undefined) return verifyNote(session, verify, publicKey)
        const client = await session.client()
        const issued = await client.checkpoint(key === undefined ? undefined : readInput(key))
        const { origin, size, root, note, verifierKey } = issued
        await session.out.answer(issued, () =>
          note === null
            ? session.out.fields([
                ['origin', origin],
                ['size', size],
                ['root', root],
              ])
            : note.trimEnd(),
        )
        if (verifierKey !== null) session.out.note(`Verifier key: ${verifierKey}`)
      }),
    )
}

async function verifyNote(session: Session, file: string, publicKey: string | undefined): Promise<void> {
  const { trustedCheckpoint } = await import('../trust.ts')
  const checkpoint = await trustedCheckpoint(file, publicKey)
  if (checkpoint === null) session.fail()
  const { out } = session
  await out.answer({ verified: checkpoint !== null, checkpoint }, () =>
    checkpoint === null
      ? out.style.red('Not genuine: it is no checkpoint that this key has signed.')
      : [
          out.style.green('Genuine.'),
          ...out.fields([
            ['origin', checkpoint.origin],
            ['size', checkpoint.size],
            ['root', checkpoint.root],
          ]),
        ],
  )
}
