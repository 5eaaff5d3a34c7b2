/** What the package advises to programs, in the words of the command line. */

/** Parts of messages and hints, and what stands for them here. A test holds the left ones against the sources. */
export const wordings: readonly (readonly [program: string, shell: string])[] = [
  ["skip what is bad with onError: 'skip'", 'leave out what is bad with --skip-bad'],
  ['The source stream', 'Standard input'],
  [
    'Hand it in: getCollection({ name, embeddingFunction }).',
    'The command line has no such function: give vectors, by --vector or as "embedding" of each record.',
  ],
  ['X-Annals-Actor: only an admin', 'Only an admin'],
  ['Say forks: true to erase', 'Add --forks to erase'],
  [
    "or into the one that exists with into: 'existing'",
    'or go on with the one that exists by --into-existing',
  ],
  ['an idempotencyKey makes', 'an --idempotency-key makes'],
  [
    'A write answers with its position: await it, then ask as of that position.',
    'annals stats shows the newest position.',
  ],
  [
    'To empty a collection, delete it and create it again.',
    'Name ids or give a filter; annals drop takes the whole collection.',
  ],
  ['open with recovery "', 'start annals run with --recovery "'],
  ['smaller recallMin', 'smaller --recall-min'],
  ['Other graphs take a reindex()', 'Other graphs take annals reindex'],
]

/** The same text for somebody at a shell. */
export function shellWording(text: string): string {
  return wordings.reduce((told, [program, shell]) => told.replaceAll(program, shell), text)
}
