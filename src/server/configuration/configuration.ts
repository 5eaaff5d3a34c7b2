/**
 * What a server is told, from everywhere it can be told: flags, then the environment, then a file, then defaults.
 * The first that says something about a setting decides it. Every key is checked, and one that is not known is
 * refused. Nothing here reads the outside: texts of files come in through `read`.
 */
import { AnnalsError, messageOf } from '../../errors.ts'
import type { StoreOptions } from '../../opening.ts'
import { checkObject, isPlainObject } from '../../validation/values.ts'
import type { Role } from '../access/access.ts'
import {
  type Credentials,
  checkCredentials,
  checkTokenText,
  parseHtpasswd,
  type TokenGrant,
} from '../access/credentials.ts'
import type { LoggingOptions } from './logging-options.ts'
import type { ServerLimits } from './server-limits.ts'
import { parsed, settingValue } from './setting-value.ts'
import { flagOf, type Setting, settings, variableOf } from './settings.ts'

/** Where a configuration comes from. */
export interface ConfigurationSources {
  /** By key of the setting: `{ 'limits.bodyBytes': '64 MiB' }`. What is `undefined` was not given. */
  flags?: Readonly<Record<string, unknown>>
  /** Of the process; only names that begin with `ANNALS_` are looked at. */
  environment?: Readonly<Record<string, string | undefined>>
  /** Path of a YAML or JSON file; default: what `ANNALS_CONFIG` names, if it is set. */
  file?: string | undefined
  /** The text of a file. */
  read: (path: string) => string
}

/** A whole configuration, checked; what was not said is left out, so that the server's defaults hold. */
export interface Configuration
  extends Pick<StoreOptions, 'recovery' | 'memoryBudgetBytes' | 'diskReserveBytes'> {
  /** Folder of the store; absent where it is ephemeral. */
  path?: string
  ephemeral?: true
  host?: string
  port?: number
  allowReset?: boolean
  corsOrigins?: string[]
  allowedHosts?: string[]
  /** PEM. */
  signingKey?: string
  auth?: Credentials
  /** PEM. */
  tls?: { cert: string; key: string }
  limits?: Partial<ServerLimits>
  log: LoggingOptions
}

/** One setting as it was found. */
interface Given {
  value: unknown
  /** Where, as a message names it. */
  place: string
}

/** What the command line reads of the environment beside the settings. */
const otherVariables = [
  'ANNALS_CONFIG',
  'ANNALS_URL',
  'ANNALS_TOKEN',
  'ANNALS_TENANT',
  'ANNALS_DATABASE',
  'ANNALS_ACTOR',
]

/**
 * The configuration that the sources make together. Throws `invalid_argument` and `unsupported_option`, with the
 * flag, variable or key in the message.
 *
 * @example
 * const options = configure({ flags: { port: 9000 }, environment: process.env, file: 'annals.yaml', read })
 */
export function configure({ flags = {}, environment = {}, file, read }: ConfigurationSources): Configuration {
  const reader = readerOf(read)
  const path = file ?? environment.ANNALS_CONFIG
  const given = new Map<string, Given>([
    ...(path === undefined ? [] : fromFile(reader(path, 'the configuration file'), path)),
    ...fromEnvironment(environment),
    ...fromFlags(flags),
  ])
  const values = new Map<string, unknown>()
  for (const setting of settings) {
    const one = given.get(setting.key)
    if (one !== undefined) values.set(setting.key, settingValue(setting, one.value, one.place))
  }
  return assembled(new Values(values, given, reader))
}

/** The checked values, and the files that they name. */
class Values {
  readonly #values: ReadonlyMap<string, unknown>
  readonly #given: ReadonlyMap<string, Given>
  readonly #read: (path: string, place: string) => string

  constructor(
    values: ReadonlyMap<string, unknown>,
    given: ReadonlyMap<string, Given>,
    read: (path: string, place: string) => string,
  ) {
    this.#values = values
    this.#given = given
    this.#read = read
  }

  get(key: string): unknown {
    return this.#values.get(key)
  }

  placeOf(key: string): string {
    return this.#given.get(key)?.place ?? key
  }

  /** The text of the file that a setting names; `undefined` where it was not given. */
  text(key: string): string | undefined {
    const path = this.#values.get(key)
    return path === undefined ? undefined : this.#read(path as string, this.placeOf(key))
  }

  /** Whether something was given below `prefix`. */
  has(prefix: string): boolean {
    return [...this.#values.keys()].some((key) => key.startsWith(`${prefix}.`))
  }

  /** All values, as a file would have them: `limits.results` as `results` within `limits`. */
  nested(): Record<string, unknown> {
    const root: Record<string, Record<string, unknown> | unknown> = {}
    for (const [key, value] of this.#values) {
      const [group = '', name] = key.split('.')
      root[group] = name === undefined ? value : { ...(root[group] as object), [name]: value }
    }
    return root
  }
}

function assembled(values: Values): Configuration {
  const {
    path: _path,
    ephemeral: _ephemeral,
    signingKey: _signingKey,
    auth: _auth,
    tls: _tls,
    ...plain
  } = values.nested()
  const signingKey = values.text('signingKey')
  const auth = authOf(values)
  const tls = tlsOf(values)
  return {
    ...placeOfStore(values),
    ...(plain as Partial<Configuration>),
    log: { level: 'info', ...(plain.log as LoggingOptions | undefined) },
    ...(signingKey !== undefined && { signingKey }),
    ...(auth !== undefined && { auth }),
    ...(tls !== undefined && { tls }),
  }
}

function placeOfStore(values: Values): Pick<Configuration, 'path' | 'ephemeral'> {
  const path = values.get('path') as string | undefined
  if (values.get('ephemeral') !== true) return { path: path ?? './annals-data' }
  if (path === undefined) return { ephemeral: true }
  throw problem(
    values.placeOf('ephemeral'),
    `a store in memory has no folder, and ${values.placeOf('path')} names one`,
  )
}

function tlsOf(values: Values): Configuration['tls'] {
  const [cert, key] = [values.text('tls.cert'), values.text('tls.key')]
  if (cert === undefined && key === undefined) return undefined
  if (cert !== undefined && key !== undefined) return { cert, key }
  throw problem('tls', 'needs both a certificate (tls.cert) and its key (tls.key)')
}

/** All that is known of anybody, together: one token, lists, a file of both, and htpasswd. */
function authOf(values: Values): Credentials | undefined {
  if (!values.has('auth')) return undefined
  const text = values.text('auth.file')
  const place = values.placeOf('auth.file')
  const parts = [
    checkCredentials({ tokens: values.get('auth.tokens') }, values.placeOf('auth.tokens')),
    checkCredentials({ users: values.get('auth.users') }, values.placeOf('auth.users')),
    text === undefined ? {} : checkCredentials(parsed(text, place) ?? {}, place),
  ]
  const tokens = [...adminToken(values), ...parts.flatMap((part) => part.tokens ?? [])]
  const users = [...parts.flatMap((part) => part.users ?? []), ...htpasswdUsers(values)]
  const names = users.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    throw problem('auth', `the user ${JSON.stringify(twice)} has more than one password`)
  if (tokens.length > 0 || users.length > 0) return { tokens, users }
  throw problem('auth', 'is configured, and names nobody: nobody could use the server')
}

function adminToken(values: Values): TokenGrant[] {
  const token = values.get('auth.token')
  if (token === undefined) return []
  return [{ name: 'admin', role: 'admin', token: checkTokenText(token, values.placeOf('auth.token')) }]
}

function htpasswdUsers(values: Values): NonNullable<Credentials['users']> {
  const text = values.text('auth.htpasswd')
  if (text === undefined) return []
  const role = (values.get('auth.htpasswdRole') ?? 'read') as Role
  const hashes = parseHtpasswd(text, values.placeOf('auth.htpasswd'))
  return [...hashes].map(([name, passwordHash]) => ({ name, role, passwordHash }))
}

function fromFile(text: string, path: string): [string, Given][] {
  const root = parsed(text, path) ?? {}
  const found: [string, Given][] = []
  const walk = (branch: Record<string, unknown>, prefix: string): void => {
    for (const [name, value] of Object.entries(branch)) {
      const key = `${prefix}${name}`
      const place = `${key} in ${path}`
      if (settings.some((setting) => setting.key === key)) found.push([key, { value, place }])
      else if (isPlainObject(value) && isGroup(key)) walk(value, `${key}.`)
      else
        throw unknown(
          place,
          key,
          settings.map((setting) => setting.key),
        )
    }
  }
  walk(checkObject(root, path), '')
  return found
}

function isGroup(key: string): boolean {
  return settings.some((setting) => setting.key.startsWith(`${key}.`))
}

function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): [string, Given][] {
  const byVariable = new Map(settings.map((setting) => [variableOf(setting), setting]))
  return Object.entries(environment).flatMap(([variable, value]): [string, Given][] => {
    if (value === undefined || !variable.startsWith('ANNALS_')) return []
    if (isOfKubernetes(variable, value) || otherVariables.includes(variable)) return []
    const setting = byVariable.get(variable)
    if (setting === undefined) throw unknown(variable, variable, [...byVariable.keys()])
    return [[setting.key, { value, place: variable }]]
  })
}

/** Kubernetes tells every container about a service named `annals`, in variables that look like ours. */
function isOfKubernetes(variable: string, value: string): boolean {
  return (
    /^ANNALS_(SERVICE_|PORT_\d+_)/.test(variable) || (variable === 'ANNALS_PORT' && value.includes('://'))
  )
}

function fromFlags(flags: Readonly<Record<string, unknown>>): [string, Given][] {
  return Object.entries(flags)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const setting = settings.find((one) => one.key === key)
      if (setting === undefined)
        throw unknown(
          'flags',
          key,
          settings.map((one) => one.key),
        )
      if (setting.isSecret) throw secretFlag(setting)
      return [key, { value, place: flagOf(setting) }]
    })
}

function secretFlag(setting: Setting): AnnalsError {
  const hint = `Set ${variableOf(setting)}, or ${setting.key} in a file.`
  return new AnnalsError(
    'unsupported_option',
    `${flagOf(setting)}: a command line can be read by everybody on the machine.`,
    { hint },
  )
}

function readerOf(read: (path: string) => string): (path: string, place: string) => string {
  return (path, place) => {
    try {
      return read(path)
    } catch (cause) {
      const message = `${place}: the file ${JSON.stringify(path)} cannot be read: ${messageOf(cause)}.`
      throw new AnnalsError('invalid_argument', message, { cause })
    }
  }
}

function unknown(place: string, given: string, known: readonly string[]): AnnalsError {
  const plain = (name: string) => name.toLowerCase().replaceAll(/[^a-z]/g, '')
  const meant = known.find((name) => plain(name) === plain(given) || name.endsWith(`.${given}`))
  return new AnnalsError('unsupported_option', `${place}: this setting is not known.`, {
    hint: meant === undefined ? `Known are: ${known.join(', ')}.` : `Was ${meant} meant?`,
  })
}

function problem(place: string, rule: string): AnnalsError {
  return new AnnalsError('invalid_argument', `${place}: ${rule}.`)
}
