/**
 * Who is known to the server: tokens, and names with passwords. Plain data, checked whole before the server
 * starts; an entry that is wrong is refused by its place and name, never by its secret.
 */
import { AnnalsError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { checkArray, checkKeys, checkName, checkObject, checkText, invalid } from '../../validation/values.ts'
import { type Identity, type Role, roles } from './access.ts'

/** A grant: who it is, what it may do, and where. */
export interface Grant {
  /** Stands in the log as the actor; 1 to 256 characters, without a colon or control characters. */
  name: string
  role: Role
  /** The only tenant that it may see. Default: all of them. */
  tenant?: string
  /** The only database of `tenant` that it may see. Default: all of them. */
  database?: string
}

/** Somebody with a token: either the token itself, or its SHA-256 digest, 64 hexadecimal digits. */
export interface TokenGrant extends Grant {
  token?: string
  sha256?: string
}

/** Somebody with a password: its bcrypt hash, as `htpasswd -B` writes it. */
export interface PasswordGrant extends Grant {
  passwordHash: string
}

/** Everybody whom the server knows. One name may have several tokens, so that one can replace another. */
export interface Credentials {
  tokens?: TokenGrant[]
  users?: PasswordGrant[]
}

/** Shorter ones can be guessed; `openssl rand -hex 32` makes a good one. */
const tokenLengthMin = 16
const tokenLengthMax = 4_096
const bcryptHash = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/
/** 2^16 rounds take seconds. A hash beyond that would hold up whoever logs in after it. */
const bcryptCostMax = 16

/** Checks what a file or a program says about who is known. Throws `invalid_argument`, `unsupported_option`. */
export function checkCredentials(value: unknown, place: string): Credentials {
  const given = checkObject(value, place)
  checkKeys(given, ['tokens', 'users'], place)
  return {
    tokens: checkList(given.tokens, `${place}.tokens`, checkToken),
    users: checkList(given.users, `${place}.users`, checkUser),
  }
}

/** The identity that a grant stands for. */
export function identityOf({ name, role, tenant, database }: Grant): Identity {
  return { name, role, tenant: tenant ?? null, database: database ?? null }
}

/**
 * Names and bcrypt hashes of an htpasswd file. Other kinds of hashes (MD5, SHA-1, crypt, plain text) are refused:
 * they can be guessed too fast.
 */
export function parseHtpasswd(text: string, place: string): Map<string, string> {
  const hashes = new Map<string, string>()
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return
    const at = `${place}, line ${index + 1}`
    const colon = line.indexOf(':')
    if (colon === -1) throw problem(at, 'must be "name:hash"')
    const name = checkGrantName(line.slice(0, colon), at)
    if (hashes.has(name)) throw problem(at, `names ${JSON.stringify(name)} a second time`)
    hashes.set(name, checkHash(line.slice(colon + 1).trim(), at))
  })
  return hashes
}

function checkList<T>(value: unknown, place: string, check: (entry: unknown, place: string) => T): T[] {
  if (value === undefined || value === null) return []
  return checkArray(value, place).map((entry, index) => check(entry, `${place}[${index}]`))
}

function checkToken(value: unknown, place: string): TokenGrant {
  const given = checkObject(value, place)
  checkKeys(given, ['name', 'role', 'tenant', 'database', 'token', 'sha256'], place)
  const grant = checkGrant(given, place)
  const { token, sha256 } = given
  if ((token === undefined) === (sha256 === undefined))
    throw problem(place, 'must have either "token" or "sha256"')
  if (token !== undefined) return { ...grant, token: checkTokenText(token, `${place}.token`) }
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/i.test(sha256))
    throw problem(`${place}.sha256`, 'must be a SHA-256 digest of 64 hexadecimal digits')
  return { ...grant, sha256: sha256.toLowerCase() }
}

/** A token as it can stand in a header. Its value appears in no message. */
export function checkTokenText(value: unknown, place: string): string {
  if (typeof value !== 'string') throw problem(place, 'must be a string')
  if (value.length < tokenLengthMin || value.length > tokenLengthMax)
    throw problem(place, `must have ${tokenLengthMin} to ${tokenLengthMax} characters, got ${value.length}`)
  if (!/^[\x21-\x7e]+$/.test(value)) throw problem(place, 'must be visible ASCII characters without spaces')
  return value
}

function checkUser(value: unknown, place: string): PasswordGrant {
  const given = checkObject(value, place)
  checkKeys(given, ['name', 'role', 'tenant', 'database', 'passwordHash'], place)
  return { ...checkGrant(given, place), passwordHash: checkHash(given.passwordHash, `${place}.passwordHash`) }
}

/** Name, role and home, without a secret. */
function checkGrant(given: Record<string, unknown>, place: string): Grant {
  const { role, tenant, database } = given
  if (!roles.some((known) => known === role))
    throw invalid(`${place}.role`, `must be one of ${roles.join(', ')}`, role)
  if (database !== undefined && tenant === undefined)
    throw problem(place, 'names a database without the tenant that it belongs to')
  return {
    name: checkGrantName(given.name, `${place}.name`),
    role: role as Role,
    ...(tenant !== undefined && { tenant: checkName(tenant, `${place}.tenant`) }),
    ...(database !== undefined && { database: checkName(database, `${place}.database`) }),
  }
}

function checkGrantName(value: unknown, place: string): string {
  const name = checkText(value, place, limits.actorLengthMax)
  // Basic authentication separates name and password by the first colon.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (name !== '' && !/[:\u0000-\u001f\u007f]/.test(name)) return name
  throw invalid(place, 'must not be empty, nor hold a colon or control characters', value)
}

function checkHash(value: unknown, place: string): string {
  const cost = typeof value === 'string' ? bcryptHash.exec(value)?.[1] : undefined
  if (cost === undefined) throw problem(place, 'must be a bcrypt hash, as "htpasswd -B" writes it')
  if (Number(cost) > bcryptCostMax) throw problem(place, `costs 2^${cost} rounds; at most 2^${bcryptCostMax}`)
  return value as string
}

/** For what must not be quoted. */
function problem(place: string, rule: string): AnnalsError {
  return new AnnalsError('invalid_argument', `${place}: ${rule}.`)
}
