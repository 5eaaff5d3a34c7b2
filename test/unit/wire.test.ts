import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AnnalsError, type ErrorCode, errorClasses } from '../../src/errors.ts'
import { decodeError, encodeError } from '../../src/wire/error-body.ts'
import { decodeVector, encodeVector } from '../../src/wire/vector.ts'
import {
  decodeReceipt,
  decodeWriteOptions,
  encodeReceipt,
  encodeWriteOptions,
  receiptHeaders,
} from '../../src/wire/write-headers.ts'

describe('write options as headers', () => {
  const options = fc.record(
    {
      actor: fc.string({ unit: 'grapheme', minLength: 1 }),
      reason: fc.string({ unit: 'grapheme', minLength: 1 }),
      idempotencyKey: fc.string({ unit: 'grapheme', minLength: 1 }),
      expectedPosition: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    },
    { requiredKeys: [] },
  )

  test('come back as they were, and are ASCII without control characters', () => {
    fc.assert(
      fc.property(options, (given) => {
        const headers = encodeWriteOptions(given)
        for (const value of Object.values(headers)) expect(value).toMatch(/^[\x21-\x7e]+$/)
        expect(decodeWriteOptions((name) => headers[name])).toEqual(given)
      }),
    )
  })

  test('that are absent or empty are none', () => {
    expect(decodeWriteOptions(() => undefined)).toEqual({})
    expect(decodeWriteOptions(() => '')).toEqual({})
  })

  test.each([
    ['x-annals-actor', '%E0%A4'],
    ['idempotency-key', '%'],
    ['x-annals-expected-position', '-1'],
    ['x-annals-expected-position', '1.5'],
    ['x-annals-expected-position', '99999999999999999'],
    ['x-annals-expected-position', 'head'],
  ])('%s: %s is refused', (name, value) => {
    const decode = () => decodeWriteOptions((asked) => (asked === name ? value : undefined))
    expect(decode).toThrow(expect.objectContaining({ code: 'invalid_argument', fate: 'not_written' }))
    expect(decode).toThrow(name)
  })
})

describe('a receipt as headers', () => {
  test('comes back as it was', () => {
    const receipt = { position: 17, committedAt: new Date(1_700_000_000_123), count: 3 }
    const headers = encodeReceipt(receipt)
    expect(decodeReceipt((name) => headers[name] ?? null)).toEqual(receipt)
  })

  test.each(Object.values(receiptHeaders))('is none without a sound %s', (missing) => {
    const headers = encodeReceipt({ position: 1, committedAt: new Date(0), count: 1 })
    expect(decodeReceipt((name) => (name === missing ? null : headers[name]!))).toBeNull()
    expect(decodeReceipt((name) => (name === missing ? 'x' : headers[name]!))).toBeNull()
  })
})

describe('an error as a body', () => {
  test('comes back with code, fate, hint and position', () => {
    for (const code of Object.keys(errorClasses) as ErrorCode[]) {
      const error = new AnnalsError(code, 'No.', { fate: 'indeterminate', hint: 'Wait.', position: 7 })
      const body = JSON.parse(JSON.stringify(encodeError(error)))
      expect(body).toMatchObject({ error: errorClasses[code].chroma, message: 'No.' })
      const again = decodeError(body, error.status)
      expect(again).toMatchObject({
        code,
        message: 'No.',
        fate: 'indeterminate',
        hint: 'Wait.',
        position: 7,
      })
    }
  })

  test('leaves out what it does not have, the cause always', () => {
    const cause = new Error('/home/secret')
    expect(encodeError(new AnnalsError('busy', 'Later.', { cause }))).toEqual({
      error: 'Backoff',
      message: 'Later.',
      code: 'busy',
    })
  })

  test.each([
    [400, 'invalid_argument'],
    [409, 'conflict'],
    [412, 'conflict'],
    [429, 'busy'],
    [500, 'internal'],
    [502, 'internal'],
    [503, 'log_unavailable'],
  ])('of Chroma with status %i is %s', (status, code) => {
    const body = { error: 'ChromaError', message: 'No.' }
    expect(decodeError(body, status)).toMatchObject({ code, message: 'No.' })
    expect(decodeError({ ...body, code: 'of_the_future', fate: 'maybe' }, status)).toMatchObject({ code })
  })

  test.each([null, 'text', [], {}, { message: 7 }])('is not read from %j', (body) => {
    expect(decodeError(body, 500)).toBeNull()
  })
})

describe('a vector as base64', () => {
  test('comes back bit for bit', () => {
    const vector = fc.float32Array({ minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(vector, (given) => {
        const again = decodeVector(encodeVector(given))!
        expect(Buffer.from(again.buffer)).toEqual(Buffer.from(given.slice().buffer))
      }),
    )
    expect(Object.is(decodeVector(encodeVector(Float32Array.of(-0)))![0], -0)).toBe(true)
  })

  test('is little-endian, as Chroma has it', () => {
    expect(encodeVector(Float32Array.of(1, -2))).toBe('AACAPwAAAMA=')
  })

  test('of a part of a larger array is that part', () => {
    const part = new Float32Array(new Float32Array([1, 2, 3, 4]).buffer, 4, 2)
    expect(decodeVector(encodeVector(part))).toEqual(Float32Array.of(2, 3))
  })

  test.each(['AAAA', 'AACA', 'AACAPw', 'AAC?Pw==', 'AACAPw=====', 'AAC APw==', 'A'])(
    '%j is none, unless it is whole values',
    (text) => {
      expect(decodeVector(text)).toEqual(text === 'AACAPw' ? Float32Array.of(1) : null)
    },
  )
})
