import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { AnnalsError } from '../../src/errors.ts'
import { within } from '../../src/server/operation/deadline.ts'
import { LoadGate } from '../../src/server/operation/load-gate.ts'
import { checkBodyLimits } from '../../src/server/operation/request-limits.ts'
import { parseJson } from '../../src/wire/json.ts'

const limits = { recordsPerWrite: 3, results: 10, filterDepth: 2, regexLength: 5 }

function refusal(body: unknown, writes = false): string | null {
  try {
    checkBodyLimits(body, limits, { writes })
    return null
  } catch (error) {
    if (error instanceof AnnalsError && error.code === 'limit_exceeded') return error.message
    throw error
  }
}

/** A comparison within so many `$and`. */
function nested(depth: number, innermost: object): object {
  return depth === 0 ? innermost : { $and: [nested(depth - 1, innermost)] }
}

describe('limits of a body', () => {
  test('records of a write, whichever column is the longest', () => {
    expect(refusal({ ids: ['a', 'b', 'c'] }, true)).toBeNull()
    expect(refusal({ ids: ['a', 'b', 'c', 'd'] }, true)).toBe(
      'ids: is more than this server allows: at most 3.',
    )
    expect(refusal({ ids: ['a'], embeddings: [1, 2, 3, 4] }, true)).toMatch(/^embeddings: /)
    expect(refusal({ ids: ['a', 'b', 'c', 'd'] }, false)).toBeNull()
  })

  test('records of a transaction, all of its operations together', () => {
    const operation = (...ids: string[]) => ({ operation: 'delete', payload: { ids } })
    expect(
      refusal({ operations: [operation('a', 'b'), operation('c'), null, { payload: 3 }] }, true),
    ).toBeNull()
    expect(refusal({ operations: [operation('a', 'b', 'c', 'd')] }, true)).toMatch(/^ids: /)
    expect(refusal({ operations: [operation('a', 'b'), operation('c', 'd')] }, true)).toBe(
      'operations: is more than this server allows: at most 3.',
    )
  })

  test('a limit that is written as a float', () => {
    const search = (limit: string) =>
      parseJson(Buffer.from(`{"searches":[{"limit":{"limit":${limit}}},{"limit":${limit}}]}`))
    expect(refusal(search('10.0'))).toBeNull()
    expect(refusal(search('11.0'))).toMatch(/^limit: /)
  })

  test('neighbours of a query and of a search', () => {
    expect(refusal({ n_results: 10 })).toBeNull()
    expect(refusal({ n_results: 11 })).toMatch(/^n_results: /)
    expect(refusal({ searches: [{}, { limit: { limit: 11 } }] })).toMatch(/^limit: /)
    expect(refusal({ searches: [{ limit: { limit: 10 } }, null, 3] })).toBeNull()
  })

  test.each(['where', 'where_document', 'filter'])('depth of %s', (name) => {
    for (const innermost of [{ a: 1 }, { a: { $in: [1, 2] } }, { a: { $eq: 1 } }]) {
      const body = (depth: number) => {
        const filter = { [name]: nested(depth, innermost) }
        return name === 'filter' ? { searches: [filter] } : filter
      }
      expect(refusal(body(2))).toBeNull()
      expect(refusal(body(3))).toBe(`${name}: nests deeper than this server allows: at most 2 levels.`)
    }
  })

  test('a filter of any depth costs no stack', () => {
    const depth = 200_000
    const where = JSON.parse(`${'{"$and":['.repeat(depth)}{"a":1}${']}'.repeat(depth)}`)
    expect(refusal({ where })).toMatch(/^where: nests deeper/)
  })

  test('regular expressions, wherever they stand', () => {
    expect(refusal({ where_document: { $regex: '12345' } })).toBeNull()
    expect(refusal({ where_document: { $regex: '123456' } })).toMatch(/^where_document: \$regex: is longer/)
    expect(refusal({ where: { $or: [{ '#document': { $not_regex: '123456' } }] } })).toMatch(/\$not_regex/)
  })

  test.each([null, undefined, 3, 'x', [], [[]], { ids: 'x', where: 3, searches: 3, n_results: 'x' }])(
    '%j is for others to refuse',
    (body) => {
      expect(refusal(body, true)).toBeNull()
    },
  )
})

describe('the gate', () => {
  test('lets so many in, each kind apart, and again when they have left', () => {
    const gate = new LoadGate({ concurrentRequests: 2, openStreams: 1 })
    const leave = gate.place('request').hold()
    gate.place('request').hold()
    expect(() => gate.place('request')).toThrow(expect.objectContaining({ code: 'busy', status: 429 }))
    gate.place('stream').hold()
    expect(() => gate.place('stream')).toThrow('1 streams')
    leave()
    leave()
    expect(gate.open('request')).toBe(1)
    gate.place('request').hold()
    expect(() => gate.place('request')).toThrow(expect.objectContaining({ chromaName: 'Backoff' }))
  })

  test('keeps a place until the last one who holds it has let go, and counts who comes back to it', () => {
    const gate = new LoadGate({ concurrentRequests: 1, openStreams: 1 })
    const place = gate.place('request')
    const [answer, work] = [place.hold(), place.hold()]
    answer()
    answer()
    expect(gate.open('request')).toBe(1)
    work()
    expect(gate.open('request')).toBe(0)
    const late = place.hold()
    expect(() => gate.place('request')).toThrow('1 requests')
    late()
    expect(gate.open('request')).toBe(0)
  })
})

describe('a deadline', () => {
  test('answers what was done in time', async () => {
    const writes = { writes: false, onLate: () => expect.unreachable() }
    expect(await within(1_000, writes, async () => 7)).toBe(7)
    await expect(
      within(1_000, writes, () => {
        throw new Error('at once')
      }),
    ).rejects.toThrow('at once')
  })

  test('refuses what was not, tells the work, and says what is known of a write', async () => {
    let told = 0
    const onLate = () => told++
    const failures: ((error: Error) => void)[] = []
    const slow = () => new Promise<never>((_, reject) => failures.push(reject))
    await expect(within(20, { writes: true, onLate }, slow)).rejects.toMatchObject({
      code: 'timed_out',
      status: 504,
      fate: 'indeterminate',
    })
    expect(told).toBe(1)
    await expect(within(20, { writes: false, onLate }, slow)).rejects.toMatchObject({ fate: undefined })
    // Nobody waits any more: a failure that nobody saw would end the process.
    for (const fail of failures) fail(new Error('too late to matter'))
    await nextTurn()
  })
})
