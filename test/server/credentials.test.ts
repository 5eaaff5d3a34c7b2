import { createHash } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { hashSync } from 'bcryptjs'
import { afterAll, describe, expect, test } from 'vitest'
import { AnnalsError } from '../../src/errors.ts'
import { Authenticator } from '../../src/server/access/authenticator.ts'
import { checkCredentials, parseHtpasswd } from '../../src/server/access/credentials.ts'
import { countTurns } from '../support/until.ts'

const token = 'a-token-of-sixteen-or-more'
const adaHash = hashSync('correct horse', 10)

const authenticator = new Authenticator(
  checkCredentials(
    {
      tokens: [
        { name: 'ada', role: 'write', token },
        {
          name: 'tim',
          role: 'read',
          tenant: 'acme',
          database: 'search',
          sha256: createHash('sha256').update('the-token-of-tim-1').digest('hex').toUpperCase(),
        },
      ],
      users: [{ name: 'bob', role: 'admin', passwordHash: adaHash }],
    },
    'auth',
  ),
)
afterAll(() => authenticator.close())

const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
const nameOf = async (headers: Record<string, string>) =>
  (await authenticator.identify(headers))?.name ?? null

describe('Authenticator', () => {
  test('knows tokens, given as they are or as digests, in either header', async () => {
    expect(await authenticator.identify({ authorization: `Bearer ${token}` })).toEqual({
      name: 'ada',
      role: 'write',
      tenant: null,
      database: null,
    })
    expect(await authenticator.identify({ 'x-chroma-token': 'the-token-of-tim-1' })).toEqual({
      name: 'tim',
      role: 'read',
      tenant: 'acme',
      database: 'search',
    })
    expect(await nameOf({ authorization: `bEARER  ${token}` })).toBe('ada')
  })

  test('takes X-Chroma-Token before Authorization, which a proxy may have put there', async () => {
    expect(await nameOf({ authorization: 'Basic cHJveHk6eA==', 'x-chroma-token': token })).toBe('ada')
    expect(
      await nameOf({ authorization: `Bearer ${token}`, 'x-chroma-token': 'wrong-wrong-wrong' }),
    ).toBeNull()
  })

  test.each([
    {},
    { authorization: '' },
    { authorization: 'Bearer' },
    { authorization: 'Bearer ' },
    { authorization: token },
    { authorization: `Bearer ${token}x` },
    { authorization: `Bearer ${token} ${token}` },
    { authorization: `Bearer ${token.slice(0, -1)}` },
    { authorization: `Bearer ${createHash('sha256').update(token).digest('hex')}` },
    { authorization: 'Basic' },
    { authorization: 'Basic !!!' },
    { authorization: `Basic ${adaHash}` },
    { authorization: 'Digest username="bob"' },
    { 'x-chroma-token': '' },
    { 'x-chroma-token': `Bearer ${token}` },
  ])('knows nobody by %j', async (headers) => {
    expect(await authenticator.identify(headers as Record<string, string>)).toBeNull()
  })

  test('knows names by their passwords, and neither without the other', async () => {
    expect(await nameOf(basic('bob:correct horse'))).toBe('bob')
    expect(await nameOf(basic('bob:correct horse '))).toBeNull()
    expect(await nameOf(basic('bob:'))).toBeNull()
    expect(await nameOf(basic('bob'))).toBeNull()
    expect(await nameOf(basic('eve:correct horse'))).toBeNull()
    expect(await nameOf(basic('__proto__:correct horse'))).toBeNull()
  })

  test('compares one password once, however often it comes at the same time, and not on this thread', async () => {
    const fresh = new Authenticator({ users: [{ name: 'bob', role: 'read', passwordHash: adaHash }] })
    const counter = countTurns()
    const all = await Promise.all(
      Array.from({ length: 200 }, () => fresh.identify(basic('bob:correct horse'))),
    )
    expect(all.every((identity) => identity?.name === 'bob')).toBe(true)
    // On this thread it would let the event loop turn ten times a second.
    expect(counter.turns).toBeGreaterThan(20)
    // A comparison is answered by a thread, and so in another turn; what is remembered is answered in this one.
    const { turns } = counter
    for (let time = 0; time < 200; time++) await fresh.identify(basic('bob:correct horse'))
    expect(counter.turns).toBe(turns)
    counter.stop()
    await fresh.close()
  })

  test('refuses to compare ever more passwords at once, and compares again afterwards', async () => {
    const fresh = new Authenticator({
      users: [{ name: 'bob', role: 'read', passwordHash: hashSync('x', 4) }],
    })
    const guesses = Array.from({ length: 200 }, (_, guess) => fresh.identify(basic(`bob:${guess}`)))
    const settled = await Promise.allSettled(guesses)
    const refused = settled.filter((one) => one.status === 'rejected')
    expect(refused.length).toBe(136)
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'busy' })
    expect((await fresh.identify(basic('bob:x')))?.name).toBe('bob')
    await fresh.close()
  })

  test('an unknown name takes as long as a wrong password', async () => {
    const time = async (text: string) => {
      const start = performance.now()
      await authenticator.identify(basic(text))
      return performance.now() - start
    }
    await time('bob:warm up')
    // The shortest of several: any of them may have been held up.
    const shortest = async (name: string) =>
      Math.min(await time(`${name}:1`), await time(`${name}:2`), await time(`${name}:3`))
    expect(await shortest('eve')).toBeGreaterThan((await shortest('bob')) / 4)
  })

  test('says which schemes it understands', () => {
    expect(authenticator.challenges).toEqual([
      'Bearer realm="annals"',
      'Basic realm="annals", charset="UTF-8"',
    ])
    const tokensOnly = new Authenticator({ tokens: [{ name: 'a', role: 'read', token }] })
    expect(tokensOnly.challenges).toEqual(['Bearer realm="annals"'])
  })
})

describe('credentials', () => {
  const refusal = (value: unknown) => {
    try {
      checkCredentials(value, 'auth')
    } catch (error) {
      if (error instanceof AnnalsError) return error.message
      throw error
    }
    return 'accepted'
  }
  const grant = { name: 'ada', role: 'read', token }

  test.each([
    [[], 'auth: must be a plain object'],
    [{ keys: [] }, 'the option "keys" is not known'],
    [{ tokens: {} }, 'auth.tokens: must be an array'],
    [{ tokens: [{ ...grant, role: 'root' }] }, 'auth.tokens[0].role: must be one of read, write, admin'],
    [{ tokens: [{ ...grant, name: '' }] }, 'auth.tokens[0].name: must not be empty'],
    [{ tokens: [{ ...grant, name: 'a:b' }] }, 'colon'],
    [{ tokens: [{ ...grant, name: 'a\nb' }] }, 'control'],
    [{ tokens: [{ ...grant, database: 'x1x' }] }, 'names a database without the tenant'],
    [{ tokens: [{ ...grant, tenant: 'a' }] }, 'auth.tokens[0].tenant: must have 3 to 512 characters'],
    [{ tokens: [{ ...grant, scope: 'all' }] }, 'the option "scope" is not known'],
    [{ tokens: [{ ...grant, sha256: 'ab' }] }, 'must have either "token" or "sha256"'],
    [{ tokens: [{ name: 'ada', role: 'read' }] }, 'must have either "token" or "sha256"'],
    [{ tokens: [{ name: 'ada', role: 'read', sha256: 'ab' }] }, '64 hexadecimal digits'],
    [{ users: [{ name: 'ada', role: 'read' }] }, 'must be a bcrypt hash'],
    [{ users: [{ name: 'ada', role: 'read', passwordHash: '{SHA}abc' }] }, 'must be a bcrypt hash'],
  ])('%# refuses what is wrong, by its place', (value, message) => {
    expect(refusal(value)).toContain(message)
  })

  test('no message quotes a secret', () => {
    for (const secret of ['short-secret', 'a secret with spaces', 'sécret-with-accents'])
      expect(refusal({ tokens: [{ ...grant, token: secret }] })).not.toMatch(/s[eé]cret[ -]/)
    expect(refusal({ users: [{ name: 'ada', role: 'read', passwordHash: 'plain-text' }] })).not.toContain(
      'plain',
    )
  })

  test('reads htpasswd with bcrypt, and nothing weaker', () => {
    const text = `# people\n\nbob:${adaHash}\r\neve:${adaHash.replace('$2b$', '$2y$')}\n`
    expect([...parseHtpasswd(text, 'file').keys()]).toEqual(['bob', 'eve'])
    expect(() => parseHtpasswd('bob:$apr1$x$y\n', 'file')).toThrow('file, line 1: must be a bcrypt hash')
    expect(() => parseHtpasswd(`${text}bob:${adaHash}`, 'file')).toThrow('file, line 5: names "bob" a second')
    expect(() => parseHtpasswd('bob', 'file')).toThrow('must be "name:hash"')
    expect(() => parseHtpasswd(`bob:$2b$31$${adaHash.slice(7)}`, 'file')).toThrow('2^31')
  })
})
