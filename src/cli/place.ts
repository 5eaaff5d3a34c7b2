/** Where the store is that a command works on: in a folder, or behind a server. */
import type { Command } from 'commander'
import type { Client, PersistentClientOptions } from '../index.ts'
import { UsageError } from './failure.ts'
import { readInput } from './input-file.ts'
import type { StoreFlags } from './options.ts'
import { checkHoldsStore, defaultFolder, holdsStore } from './store-folder.ts'

export type Place =
  | { kind: 'folder'; path: string | undefined }
  | { kind: 'server'; url: URL; ca: string | undefined; token: string | undefined }

/** What was typed wins over the environment; a folder and a server at once make no sense. */
export function placeOf(command: Command, { path, url, ca, tokenFile }: StoreFlags): Place {
  const typed = (name: string) => command.getOptionValueSource(name) === 'cli'
  if (url === undefined || (path !== undefined && typed('path') && !typed('url')))
    return { kind: 'folder', path }
  if (path !== undefined && typed('path') === typed('url'))
    throw new UsageError(
      'Both a folder and a server are named.',
      'Give either --path or --url; ANNALS_PATH and ANNALS_URL count, too.',
    )
  const token = tokenFile === undefined ? process.env.ANNALS_TOKEN : readInput(tokenFile).trim()
  return { kind: 'server', url: serverUrl(url), ca, token }
}

/** Whether the server knows by itself who writes. */
export function isAuthenticated(place: Place): boolean {
  return place.kind === 'server' && (place.token !== undefined || place.url.username !== '')
}

/** How a store is opened. */
export interface Opening {
  /**
   * Makes the store where there is none: `true`, or `later`, at the first call that needs it. `dry`: an empty one in
   * memory stands in for it.
   */
  create: boolean | 'later' | 'dry'
  /** Whether `create` is open to whoever typed the command. */
  mayCreate: boolean
  onProgress: NonNullable<PersistentClientOptions['onProgress']>
}

/** A client of the store there. One in a folder is opened, and refused where there is none unless `create`. */
export async function connect(
  place: Place,
  scope: { tenant?: string; database?: string },
  { create, mayCreate, onProgress }: Opening,
): Promise<Client> {
  if (place.kind === 'folder') {
    const { path = defaultFolder } = place
    if (create === false) checkHoldsStore(place.path, { makes: mayCreate })
    if (create === 'dry' && !holdsStore(path)) {
      const { EphemeralClient } = await import('../client/ephemeral-client.ts')
      return new EphemeralClient(scope)
    }
    // Not from the index: that loads imports, exports, backups and more, which few commands need.
    const { PersistentClient } = await import('../client/persistent-client.ts')
    const client = new PersistentClient({ path, ...scope, onProgress })
    if (create !== 'later') await client.open()
    return client
  }
  const { HttpClient } = await import('../client/http/http-client.ts')
  const { url, ca } = place
  const ssl = url.protocol === 'https:'
  return new HttpClient({
    host: url.hostname,
    port: url.port === '' ? (ssl ? 443 : 80) : Number(url.port),
    ssl,
    headers: authorization(place),
    ...(ca !== undefined && { ca: readInput(ca) }),
    ...scope,
  })
}

function authorization({ url, token }: Place & { kind: 'server' }): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  if (url.username === '') return {}
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

function serverUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '') return url
  throw new UsageError(`${text} is not the address of a server.`, '--url http://localhost:8000')
}
