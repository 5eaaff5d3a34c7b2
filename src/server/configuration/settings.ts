/**
 * Every setting of the server, once: the configuration, the help of `annals run` and the guide come from this list.
 *
 * One rule gives all three names of a setting. The key `limits.bodyBytes` is
 * - in a file, `bodyBytes` below `limits`;
 * - in the environment, `ANNALS_LIMITS_BODY_BYTES`;
 * - on the command line, `--limits-body-bytes`.
 */
import { roles } from '../access/access.ts'
import { defaultServerLimits, type ServerLimits, serverLimitMaxima } from './server-limits.ts'

/** What a setting holds, and what its text is turned into. */
export type SettingKind =
  | { kind: 'text' }
  /** The path of a file that is read when the server starts. */
  | { kind: 'file' }
  | { kind: 'boolean' }
  | { kind: 'integer'; min: number; max: number }
  /** A whole number, or a text with a unit: `64 MiB`. */
  | { kind: 'bytes'; min: number; max: number }
  | { kind: 'choice'; choices: readonly string[] }
  /** A list; as text, separated by commas. */
  | { kind: 'list' }
  /** A list of plain objects; as text, YAML or JSON. */
  | { kind: 'grants' }

/** One setting; its three names come from its key. */
export interface Setting {
  /** Its place in a file, with dots. */
  key: string
  value: SettingKind
  /** One line for help and guide. */
  about: string
  /** What holds when it is not set, as a person reads it. */
  fallback: string
  /** It may stand in a file or the environment, and not on a command line, which everybody on the machine can read. */
  isSecret?: true
}

const text: SettingKind = { kind: 'text' }
const file: SettingKind = { kind: 'file' }
const boolean: SettingKind = { kind: 'boolean' }
const list: SettingKind = { kind: 'list' }
const grants: SettingKind = { kind: 'grants' }
const anyBytes: SettingKind = { kind: 'bytes', min: 0, max: Number.MAX_SAFE_INTEGER }
const none = 'none'

const limitTexts: Readonly<Record<keyof ServerLimits, string>> = {
  bodyBytes: 'bytes of one request’s body',
  headerBytes: 'bytes of one request’s headers',
  recordsPerWrite: 'records of one write',
  results: 'neighbours of one query (`n_results`)',
  filterDepth: 'nesting of a filter',
  regexLength: 'characters of a regular expression',
  concurrentRequests: 'requests worked on at once; more get 429',
  openStreams: 'change feeds, jobs and other long answers at once; more get 429',
  connections: 'open connections',
  requestTimeoutMs: 'time to answer a request, long answers excepted',
  receiveTimeoutMs: 'time to receive a whole request',
  headersTimeoutMs: 'time to receive a request’s headers',
  stopTimeoutMs: 'time that running requests get to end when the server stops',
}

const limitSettings = (Object.keys(limitTexts) as (keyof ServerLimits)[]).map((name): Setting => {
  const kind = name.endsWith('Bytes') ? 'bytes' : 'integer'
  return {
    key: `limits.${name}`,
    value: { kind, min: 1, max: serverLimitMaxima[name] },
    about: limitTexts[name],
    fallback: String(defaultServerLimits[name]),
  }
})

/** All settings, in the order of the guide. */
export const settings: readonly Setting[] = [
  { key: 'path', value: text, about: 'folder of the store', fallback: './annals-data' },
  { key: 'ephemeral', value: boolean, about: 'a store in memory, gone with the process', fallback: 'false' },
  { key: 'host', value: text, about: 'address to listen at', fallback: '127.0.0.1' },
  {
    key: 'port',
    value: { kind: 'integer', min: 0, max: 65_535 },
    about: 'port to listen at; 0 takes a free one',
    fallback: '8000',
  },
  { key: 'allowReset', value: boolean, about: 'whether `reset` is allowed', fallback: 'false' },
  {
    key: 'corsOrigins',
    value: list,
    about: 'origins whose pages may call the server; `*` for all',
    fallback: none,
  },
  {
    key: 'allowedHosts',
    value: list,
    about: 'further host names that requests may be for, without ports',
    fallback: none,
  },
  {
    key: 'signingKey',
    value: file,
    about: 'PEM file of an Ed25519 key that signs checkpoints',
    fallback: none,
  },
  {
    key: 'auth.token',
    value: text,
    about: 'one token, for an identity named `admin` with the role admin',
    fallback: none,
    isSecret: true,
  },
  { key: 'auth.file', value: file, about: 'YAML or JSON file with `tokens` and `users`', fallback: none },
  { key: 'auth.tokens', value: grants, about: 'tokens, as in `auth.file`', fallback: none, isSecret: true },
  {
    key: 'auth.users',
    value: grants,
    about: 'names with bcrypt hashes, as in `auth.file`',
    fallback: none,
    isSecret: true,
  },
  {
    key: 'auth.htpasswd',
    value: file,
    about: 'file of names and bcrypt hashes, as `htpasswd -B` writes it',
    fallback: none,
  },
  {
    key: 'auth.htpasswdRole',
    value: { kind: 'choice', choices: roles },
    about: 'role of everybody in `auth.htpasswd`',
    fallback: 'read',
  },
  { key: 'tls.cert', value: file, about: 'PEM file of the certificate chain', fallback: none },
  { key: 'tls.key', value: file, about: 'PEM file of its private key', fallback: none },
  ...limitSettings,
  {
    key: 'log.level',
    value: { kind: 'choice', choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] },
    about: 'least important lines that are logged',
    fallback: 'info',
  },
  {
    key: 'log.format',
    value: { kind: 'choice', choices: ['auto', 'json', 'pretty'] },
    about: 'form of the log; `auto` is pretty on a terminal',
    fallback: 'auto',
  },
  {
    key: 'recovery',
    value: { kind: 'choice', choices: ['tolerate-tail', 'absolute', 'point-in-time', 'salvage'] },
    about: 'what to do about damage found in the log',
    fallback: 'tolerate-tail',
  },
  {
    key: 'memoryBudgetBytes',
    value: anyBytes,
    about: 'bytes that loaded collections may hold together',
    fallback: 'half of the memory',
  },
  { key: 'diskReserveBytes', value: anyBytes, about: 'bytes of the disk that stay free', fallback: '64 MiB' },
]

/** Of the environment: `ANNALS_LIMITS_BODY_BYTES`. */
export function variableOf({ key }: Setting): string {
  return `ANNALS_${wordsOf(key).join('_').toUpperCase()}`
}

/** Of the command line: `--limits-body-bytes`. */
export function flagOf({ key }: Setting): string {
  return `--${wordsOf(key).join('-').toLowerCase()}`
}

function wordsOf(key: string): string[] {
  return key.replaceAll(/[A-Z]/g, (letter) => `.${letter}`).split('.')
}
