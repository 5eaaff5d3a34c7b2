import { hashSync } from 'bcryptjs'
import { describe, expect, test } from 'vitest'
import { AnnalsError } from '../../src/errors.ts'
import { type ConfigurationSources, configure } from '../../src/server/configuration/configuration.ts'
import { flagOf, settings, variableOf } from '../../src/server/configuration/settings.ts'

type Files = Record<string, string>

function configured(sources: Omit<ConfigurationSources, 'read'>, files: Files = {}) {
  const read = (path: string) => {
    const text = files[path]
    if (text === undefined) throw new Error('ENOENT')
    return text
  }
  return configure({ ...sources, read })
}

function refusal(sources: Omit<ConfigurationSources, 'read'>, files: Files = {}): string {
  try {
    configured(sources, files)
  } catch (error) {
    if (error instanceof AnnalsError) return `${error.code} ${error.message} ${error.hint ?? ''}`
    throw error
  }
  return 'accepted'
}

/** A value for each kind of setting, as a file holds it and as text. */
function example(key: string): { value: unknown; text: string } {
  const { value } = settings.find((setting) => setting.key === key)!
  if (value.kind === 'boolean') return { value: true, text: 'true' }
  if (value.kind === 'integer' || value.kind === 'bytes') return { value: 7, text: '7' }
  if (value.kind === 'choice') return { value: value.choices.at(-1), text: value.choices.at(-1)! }
  if (value.kind === 'list') return { value: ['a', 'b'], text: 'a, b' }
  return { value: 'some text', text: 'some text' }
}

const plain = settings.filter(
  ({ key }) => !/^(auth|tls)\.|^signingKey$/.test(key) && key !== 'ephemeral' && key !== 'path',
)

/** The value at a key with dots. */
const at = (root: unknown, key: string) =>
  key.split('.').reduce<unknown>((branch, name) => (branch as Record<string, unknown>)?.[name], root)

/** What is configured when nothing was said. */
const nothing = { path: './annals-data', log: { level: 'info' } }
const token = 'sixteen-characters-or-more'

describe('configure', () => {
  test('says nothing but the folder when nothing was said', () => {
    expect(configured({})).toEqual(nothing)
    expect(configured({ file: 'empty.yaml' }, { 'empty.yaml': '# nothing\n' })).toEqual(nothing)
  })

  test.each(plain.map((setting) => [setting.key, setting] as const))(
    '%s can be set by each source',
    (key, setting) => {
      const { value, text } = example(key)
      const nested = key
        .split('.')
        .reverse()
        .reduce<unknown>((inner, name) => ({ [name]: inner }), value)
      expect(at(configured({ flags: { [key]: text } }), key)).toEqual(value)
      expect(at(configured({ environment: { [variableOf(setting)]: text } }), key)).toEqual(value)
      expect(at(configured({ file: 'f' }, { f: JSON.stringify(nested) }), key)).toEqual(value)
    },
  )

  test('flags go before the environment, that before the file', () => {
    const files = { 'a.yaml': 'port: 1\nhost: file\nlimits:\n  results: 1\n  bodyBytes: 64 MiB\n' }
    const environment = { ANNALS_PORT: '2', ANNALS_HOST: 'environment', PORT: '4' }
    const flags = { port: '3', host: undefined }
    expect(configured({ flags, environment, file: 'a.yaml' }, files)).toEqual({
      ...nothing,
      port: 3,
      host: 'environment',
      limits: { results: 1, bodyBytes: 67_108_864 },
    })
    expect(configured({ environment, file: 'a.yaml' }, files).port).toBe(2)
    expect(configured({ file: 'a.yaml' }, files).port).toBe(1)
    expect(configured({ environment: { ANNALS_CONFIG: 'a.yaml' } }, files).port).toBe(1)
    expect(refusal({ environment: { ANNALS_CONFIG: 'gone.yaml' } })).toContain('"gone.yaml" cannot be read')
  })

  test('the names of a setting follow one rule, and are all different', () => {
    const bodyBytes = settings.find(({ key }) => key === 'limits.bodyBytes')!
    expect([flagOf(bodyBytes), variableOf(bodyBytes)]).toEqual([
      '--limits-body-bytes',
      'ANNALS_LIMITS_BODY_BYTES',
    ])
    expect(new Set(settings.map(flagOf)).size).toBe(settings.length)
    expect(new Set(settings.map(variableOf)).size).toBe(settings.length)
  })

  test.each<[string, Omit<ConfigurationSources, 'read'>, string]>([
    [
      'a file',
      { file: 'f' },
      'unsupported_option limits.bodybytes in f: this setting is not known. Was limits.bodyBytes meant?',
    ],
    [
      'the environment',
      { environment: { ANNALS_PROT: '1' } },
      'unsupported_option ANNALS_PROT: this setting is not known. Known are: ANNALS_PATH,',
    ],
    ['flags', { flags: { 'limits.body': 1 } }, 'unsupported_option flags: this setting is not known.'],
  ])('refuses an unknown key of %s', (_, sources, message) => {
    expect(refusal(sources, { f: 'limits:\n  bodybytes: 1\n' })).toContain(message)
  })

  test('a group is no setting, and a setting no group', () => {
    expect(refusal({ file: 'f' }, { f: 'limits: 3' })).toContain('limits in f: this setting is not known')
    expect(refusal({ file: 'f' }, { f: 'port:\n  number: 3' })).toContain('port in f: must be a whole number')
    expect(refusal({ file: 'f' }, { f: '- port' })).toContain('f: must be a plain object')
    expect(refusal({ file: 'f' }, { f: 'port: 1\nport: 2' })).toContain('Map keys must be unique')
  })

  test.each([
    [{ ANNALS_PORT: 'eighty' }, 'ANNALS_PORT: must be a whole number from 0 to 65535, got "eighty"'],
    [{ ANNALS_PORT: '65536' }, 'from 0 to 65535'],
    [{ ANNALS_PORT: '' }, 'ANNALS_PORT: must be a whole number'],
    [{ ANNALS_PORT: '1e3' }, 'ANNALS_PORT: must be a whole number'],
    [{ ANNALS_EPHEMERAL: 'yes' }, 'ANNALS_EPHEMERAL: must be true or false, got "yes"'],
    [{ ANNALS_LIMITS_BODY_BYTES: '64 MB' }, 'ANNALS_LIMITS_BODY_BYTES: must be a whole number'],
    [{ ANNALS_LIMITS_RESULTS: '0' }, 'ANNALS_LIMITS_RESULTS: must be a whole number from 1 to 4294967295'],
    [{ ANNALS_RECOVERY: 'none' }, 'ANNALS_RECOVERY: must be one of tolerate-tail, absolute'],
    [{ ANNALS_HOST: '' }, 'ANNALS_HOST: must not be empty'],
    [
      { ANNALS_EPHEMERAL: 'true', ANNALS_PATH: 'x' },
      'a store in memory has no folder, and ANNALS_PATH names one',
    ],
    [{ ANNALS_TLS_CERT: 'f' }, 'tls: needs both a certificate'],
    [
      { ANNALS_TLS_CERT: 'gone', ANNALS_TLS_KEY: 'f' },
      'ANNALS_TLS_CERT: the file "gone" cannot be read: ENOENT',
    ],
  ])('refuses %j', (environment, message) => {
    expect(refusal({ environment }, { f: 'text' })).toContain(message)
  })

  test('passes over what Kubernetes says of a service with our name', () => {
    const environment = {
      ANNALS_SERVICE_HOST: '10.0.0.1',
      ANNALS_PORT: 'tcp://10.0.0.1:8000',
      ANNALS_PORT_8000_TCP: 'tcp://10.0.0.1:8000',
      ANNALS_PORT_8000_TCP_ADDR: '10.0.0.1',
    }
    expect(configured({ environment })).toEqual(nothing)
  })

  test('reads the files that it names', () => {
    const environment = { ANNALS_TLS_CERT: 'c', ANNALS_TLS_KEY: 'k', ANNALS_SIGNING_KEY: 's' }
    expect(configured({ environment }, { c: 'CERT', k: 'KEY', s: 'PEM' })).toMatchObject({
      tls: { cert: 'CERT', key: 'KEY' },
      signingKey: 'PEM',
    })
  })
})

describe('credentials in a configuration', () => {
  const hash = hashSync('x', 4)

  test('come from all places together', () => {
    const files = {
      'people.yaml': `tokens:\n  - { name: ada, role: read, token: ${token} }\nusers:\n  - { name: bob, role: admin, passwordHash: ${hash} }\n`,
      people: `eve:${hash}\n`,
      'annals.yaml': `auth:\n  htpasswd: people\n  htpasswdRole: write\n  file: people.yaml\n`,
    }
    const environment = {
      ANNALS_AUTH_TOKEN: `${token}!`,
      ANNALS_AUTH_TOKENS: `[{"name":"tim","role":"read","tenant":"acme","token":"${token}?"}]`,
    }
    expect(configured({ environment, file: 'annals.yaml' }, files).auth).toEqual({
      tokens: [
        { name: 'admin', role: 'admin', token: `${token}!` },
        { name: 'tim', role: 'read', tenant: 'acme', token: `${token}?` },
        { name: 'ada', role: 'read', token },
      ],
      users: [
        { name: 'bob', role: 'admin', passwordHash: hash },
        { name: 'eve', role: 'write', passwordHash: hash },
      ],
    })
  })

  test('are refused when they name nobody, or one user twice', () => {
    expect(refusal({ environment: { ANNALS_AUTH_FILE: 'f' } }, { f: 'tokens: []' })).toContain('names nobody')
    const files = { f: `users: [{ name: eve, role: read, passwordHash: ${hash} }]`, h: `eve:${hash}` }
    expect(refusal({ environment: { ANNALS_AUTH_FILE: 'f', ANNALS_AUTH_HTPASSWD: 'h' } }, files)).toContain(
      'the user "eve" has more than one password',
    )
  })

  test('do not stand on a command line, and in no message', () => {
    expect(refusal({ flags: { 'auth.token': token } })).toContain(
      'Set ANNALS_AUTH_TOKEN, or auth.token in a file',
    )
    for (const environment of [
      { ANNALS_AUTH_TOKEN: 'secret' },
      { ANNALS_AUTH_TOKENS: 'secret' },
      { ANNALS_AUTH_TOKENS: '{"secret":' },
      { ANNALS_AUTH_TOKENS: '[{"name":"ada","role":"read","token":"secret"}]' },
    ]) {
      const message = refusal({ environment })
      expect(message).toContain('ANNALS_AUTH_TOKEN')
      expect(message).not.toContain('secret')
    }
  })
})
