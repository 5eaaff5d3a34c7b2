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
    "Import it under another name with rename, or into the one that exists with into: 'existing'.",
    'Go on with the one that exists by --into-existing, or name those to import by --only.',
  ],
  ['an idempotencyKey makes', 'an --idempotency-key makes'],
  ['repeat it with the same idempotencyKey.', 'repeat it with the same --idempotency-key.'],
  [
    'Give vectors instead, or get the collection with an embeddingFunction.',
    'Give vectors: by --vector, or as "embedding" of each record.',
  ],
  [
    'See that the server runs there, and that host, port and ssl are right.',
    'See that a server runs there, and that --url is right.',
  ],
  [
    'See that host, port and ssl are those of an annals server, and that its version fits.',
    'See that --url is the address of an annals server, and that its version fits.',
  ],
  [
    'Hand the certificate of the authority in as `ca`, and use the name that the certificate is for.',
    'Name the certificate of the authority with --ca, and use the host name that the certificate is for.',
  ],
  ['Add the name to allowedHosts, or', 'Add the name to --allowed-hosts of annals run, or'],
  [
    'Raise timeoutMs, or ask for less at once.',
    'Ask for less at once, or again when the server has less to do.',
  ],
  ['repair() puts', 'annals repair puts'],
  ['repair() builds', 'annals repair builds'],
  [', or generateKeyPairSync of node:crypto', ''],
  ['needs ids, where or whereDocument', 'needs ids or a filter: --where, --where-document or --contains'],
  [
    'needs a where or whereDocument beside it',
    'needs a filter beside it: --where, --where-document or --contains',
  ],
  ['are for documents: use whereDocument, or', 'are for documents: use --where-document, or'],
  [
    'Give a limit beside the filter, and repeat until the count is 0.',
    'Add --limit, and repeat until nothing is deleted.',
  ],
  ['Split the write;', 'Give a smaller --batch-size, or fewer ids;'],
  [
    'Delete it first; or choose another name.',
    'annals tag NAME --delete takes it away; or choose another name.',
  ],
  [
    'Give one of the two another name in `collections`, or leave it out.',
    'Leave one of the two out: --collection names those to replay.',
  ],
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

/**
 * Places that messages begin with, and what has been typed there: `nResults: must be …`. A test holds the left ones
 * against the sources, the right ones against the flags.
 */
export const places: readonly (readonly [program: string, shell: string])[] = [
  ['retention.history.days', '--days'],
  ['retention.history.versions', '--versions'],
  ['setRetention.collection', '--collection'],
  ['changes.collection', '--collection'],
  ['log.collection', '--collection'],
  ['log.type', '--type'],
  ['log.actor', '--by-actor'],
  ['log.id', '--id'],
  ['nResults', '--n-results'],
  ['limit', '--limit'],
  ['queryEmbeddings', '--vector'],
  ['whereDocument', '--where-document'],
  ['where', '--where'],
  ['configuration.hnsw', '--hnsw'],
  ['options.idempotencyKey', '--idempotency-key'],
  ['options.actor', '--actor'],
  ['options.reason', '--reason'],
  ['batchSize', '--batch-size'],
]

/** The same text for somebody at a shell. */
export function shellWording(text: string): string {
  const placed = places.find(([program]) => beginsWith(text, program))
  const begun = placed === undefined ? text : placed[1] + text.slice(placed[0].length)
  return wordings.reduce((told, [program, shell]) => told.replaceAll(program, shell), begun)
}

/** Whether a message is about a place, or about something in it. */
function beginsWith(text: string, place: string): boolean {
  return text.startsWith(place) && /^[:.[]/.test(text.slice(place.length))
}
