import type { Command } from 'commander'
import { plainCommand, run } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { checkReplayable } from '../store-folder.ts'
import { tellReplay } from './replay.ts'

/** `annals follow`: a warm standby. */
export function follow(interrupt: Interrupt): Command {
  return plainCommand('follow', {
    description:
      'Keeps a copy of a store up to date, bit for bit, until Ctrl-C. The source is the folder of a backup, which annals backup continues as often as you like, or of a store that no other process has open. The copy must take no writes of its own; interrupted, it goes on where it stopped.',
    examples: [
      ['follow ./backups/notes ./standby', 'what comes into the backup comes into the copy'],
      ['follow ./backups/notes ./standby --json', 'the last line says how far it came'],
    ],
  })
    .argument('<source>', 'the folder of a backup, or of a store')
    .argument('<target>', 'a new folder, or one that follows already')
    .action(
      run<object, [string, string]>(interrupt, async (session, _flags, source, target) => {
        await checkReplayable(source)
        session.expectInterrupt()
        const { replay } = await import('../../index.ts')
        session.out.note(`Following ${source}; Ctrl-C ends it.`)
        const report = await replay(source, target, {
          follow: true,
          signal: session.signal,
          onProgress: session.transferred('following'),
        })
        session.progress.end()
        await tellReplay(session, report)
      }),
    )
}
