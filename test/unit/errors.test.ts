import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AnnalsError, type ErrorCode, errorClasses } from '../../src/errors.ts'

const document = readFileSync(join(import.meta.dirname, '../../docs/errors.md'), 'utf8')

/** The sections of docs/errors.md, by code. */
const sections = new Map(
  document
    .split(/^### /m)
    .slice(1)
    .map((section) => [/^`(\w+)`/.exec(section)?.[1] ?? section.slice(0, 40), section]),
)

describe('docs/errors.md', () => {
  test('has one section for each code, in the order of the table, and no other', () => {
    expect([...sections.keys()]).toEqual(Object.keys(errorClasses))
    expect(document.match(/^### /gm)).toHaveLength(Object.keys(errorClasses).length)
  })

  test.each(Object.entries(errorClasses))(
    'says status and Chroma’s name of %s',
    (code, { status, chroma }) => {
      const [, , line] = sections.get(code)?.split('\n') ?? []
      expect(line).toMatch(`HTTP ${status} · Chroma \`${chroma}\` · `)
      expect(line).toMatch(/fate/)
    },
  )
})

describe('AnnalsError', () => {
  test('carries what it was given, and the class of its code', () => {
    const cause = new Error('EIO')
    const error = new AnnalsError('write_failed', 'It failed.', {
      fate: 'indeterminate',
      hint: 'Wait.',
      cause,
    })
    expect(error).toBeInstanceOf(Error)
    expect({ ...error, message: error.message, cause: error.cause }).toEqual({
      name: 'AnnalsError',
      code: 'write_failed',
      fate: 'indeterminate',
      hint: 'Wait.',
      position: undefined,
      message: 'It failed.',
      cause,
    })
    expect([error.status, error.chromaName]).toEqual([500, 'InternalError'])
  })

  test('has no cause when none was given', () => {
    expect('cause' in new AnnalsError('busy', 'x')).toBe(false)
  })

  test.each(Object.keys(errorClasses) as ErrorCode[])('%s is a name that stays', (code) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
  })
})
