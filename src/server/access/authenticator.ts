import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Identity } from './access.ts'
import { type Credentials, identityOf } from './credentials.ts'
import { PasswordChecker } from './password-checker.ts'

/** What a request brings to say who it is. */
type Proof = { token: string } | { name: string; password: string }

/** Salt and digest of a hash that nobody knows the password of. */
const nobodysDigest = 'iTPQJhahJ91.Um4c2pIBjOafvZZZ8PehfLUFK//Dl/TugLxBbMwFK'

/**
 * Tells who sends a request.
 *
 * What holds: secrets are kept as digests; a token is compared with every digest in constant time; an unknown
 * name costs as much time as a wrong password.
 */
export class Authenticator {
  readonly #tokens: readonly { digest: Buffer; identity: Identity }[]
  readonly #users: ReadonlyMap<string, { hash: string; identity: Identity }>
  /** Compared with when a name is unknown, so that this takes as long as the dearest of the known ones. */
  readonly #nobodysHash: string
  readonly #passwords = new PasswordChecker()

  constructor({ tokens = [], users = [] }: Credentials) {
    this.#tokens = tokens.map(({ token, sha256, ...grant }) => ({
      digest: token === undefined ? Buffer.from(sha256 ?? '', 'hex') : digestOf(token),
      identity: identityOf(grant),
    }))
    this.#users = new Map(
      users.map(({ passwordHash, ...grant }) => [
        grant.name,
        { hash: passwordHash, identity: identityOf(grant) },
      ]),
    )
    const costs = users.map(({ passwordHash }) => passwordHash.slice(4, 6)).sort()
    this.#nobodysHash = `$2b$${costs.at(-1) ?? '10'}$${nobodysDigest}`
  }

  /** Who it is; `null` for nobody whom we know. Throws `busy` when too many passwords are being compared. */
  async identify(headers: IncomingHttpHeaders): Promise<Identity | null> {
    const proof = proofIn(headers)
    if (proof === null) return null
    return 'token' in proof ? this.#byToken(proof.token) : this.#byPassword(proof)
  }

  /** The schemes that it understands, for `WWW-Authenticate`. */
  get challenges(): string[] {
    const basic = this.#users.size > 0 ? ['Basic realm="annals", charset="UTF-8"'] : []
    return this.#tokens.length > 0 || basic.length === 0 ? ['Bearer realm="annals"', ...basic] : basic
  }

  async close(): Promise<void> {
    await this.#passwords.close()
  }

  #byToken(token: string): Identity | null {
    const digest = digestOf(token)
    let found: Identity | null = null
    // No early end: how long it takes tells nothing.
    for (const known of this.#tokens) if (timingSafeEqual(known.digest, digest)) found = known.identity
    return found
  }

  async #byPassword({ name, password }: { name: string; password: string }): Promise<Identity | null> {
    if (this.#users.size === 0) return null
    const user = this.#users.get(name)
    const matches = await this.#passwords.matches(password, user?.hash ?? this.#nobodysHash)
    return matches && user !== undefined ? user.identity : null
  }
}

/**
 * The first of `X-Chroma-Token` and `Authorization` that is there: a proxy in front may use the second one for
 * itself. What cannot be read proves nothing.
 */
function proofIn(headers: IncomingHttpHeaders): Proof | null {
  const chromaToken = headers['x-chroma-token']
  if (typeof chromaToken === 'string' && chromaToken !== '') return { token: chromaToken }
  const [, scheme = '', value = ''] = /^(\w+) +([^ ]+) *$/.exec(headers.authorization ?? '') ?? []
  if (/^bearer$/i.test(scheme)) return { token: value }
  if (!/^basic$/i.test(scheme)) return null
  const text = Buffer.from(value, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon === -1 ? null : { name: text.slice(0, colon), password: text.slice(colon + 1) }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
