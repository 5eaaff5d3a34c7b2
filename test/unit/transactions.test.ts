import { afterEach, describe, expect, test } from 'vitest'
import { LocalCollection } from '../../src/client/local-collection.ts'
import type { Command, PutCommand, RecordInput, TransactionWrite } from '../../src/commands/command.ts'
import { countOf, readsTables, sizeOf } from '../../src/commands/command-size.ts'
import { validateTransaction } from '../../src/commands/validate-transaction.ts'
import { EphemeralClient, type ErrorCode } from '../../src/index.ts'
import { limits } from '../../src/limits.ts'
import { defaultHnsw } from '../../src/validation/configuration.ts'
import { codeOf } from '../conformance/fixture.ts'
import { defaultDatabase, defaultTenant, given } from './given.ts'

/** The first id that a decision hands out. */
const notes = 'new-id-1'

const created: Command = {
  kind: 'create-collection',
  tenant: defaultTenant,
  database: defaultDatabase,
  name: 'notes',
  metadata: null,
  configuration: { hnsw: defaultHnsw(), embedding_function: null },
  getOrCreate: false,
}

function record(id: string, ...vector: number[]): RecordInput {
  const values = vector.length === 0 ? null : Float32Array.from(vector)
  return { id, vector: values, document: undefined, uri: undefined, metadata: null }
}

function put(kind: PutCommand['kind'], ...records: RecordInput[]): PutCommand {
  return { kind, collection: notes, records }
}

function transaction(readPosition: number | null, readIds: string[], ...writes: TransactionWrite[]): Command {
  return { kind: 'transaction', collection: notes, readPosition, readIds, writes }
}

function remove(...ids: string[]): Command {
  return { kind: 'delete', collection: notes, ids, filter: null, limit: null }
}

/** Position 1 creates the collection, 2 adds ada, 3 adds bob. */
const twoRecords = given(created, put('add', record('ada', 1, 1), record('bob', 2, 2)))

describe('a transaction', () => {
  test('is all of its writes, in their order, each with a label of its own', () => {
    twoRecords
      .when(
        transaction(
          3,
          ['ada', 'bob', 'eve'],
          { kind: 'delete', ids: ['ada'] },
          { kind: 'add', records: [record('eve', 3, 3)] },
          { kind: 'update', records: [record('bob', 4, 4)] },
          { kind: 'upsert', records: [record('fay', 5, 5), record('gus', 6, 6)] },
        ),
      )
      .follows(
        { type: 'delete', recordId: 'ada', label: 0, previous: 2, state: null },
        { type: 'add', recordId: 'eve', label: 2, previous: 0 },
        { type: 'update', recordId: 'bob', label: 3, previous: 3 },
        { type: 'add', recordId: 'fay', label: 4, previous: 0 },
        { type: 'add', recordId: 'gus', label: 5, previous: 0 },
      )
  })

  test('settles the length of vectors with its first one', () => {
    const writes: TransactionWrite[] = [
      { kind: 'upsert', records: [record('a', 1, 1)] },
      { kind: 'upsert', records: [record('b', 1, 1, 1)] },
    ]
    given(created)
      .when(transaction(null, [], ...writes))
      .isRefused('dimension_mismatch', '2', '3', '"b"')
  })

  test('makes nothing of an update that changes nothing', () => {
    twoRecords.when(transaction(3, ['ada'], { kind: 'update', records: [record('ada')] })).follows()
  })

  test.each<[string, Command[]]>([
    ['changed', [put('update', record('ada', 9, 9))]],
    ['deleted', [remove('ada')]],
    ['deleted and added', [remove('ada'), put('add', record('ada', 1, 1))]],
    ['erased', [{ kind: 'erase', collection: notes, forks: false, ids: ['ada'] }]],
  ])('conflicts with a record that was read and %s since', (_, commands) => {
    const since = commands.reduce((log, command) => log.and(command), twoRecords)
    const upsert: TransactionWrite = { kind: 'upsert', records: [record('new', 1, 1)] }
    since.when(transaction(3, ['bob', 'ada'], upsert)).isRefused('conflict', '"ada"', 'position 3')
    // Read after that, or not read, it is in nobody's way.
    since.when(transaction(since.log.length, ['ada'], upsert)).follows({ type: 'add', recordId: 'new' })
    since.when(transaction(3, ['bob'], upsert)).follows({ type: 'add', recordId: 'new' })
  })

  test('conflicts with a record that is there, or not there, against its write', () => {
    const when = (write: TransactionWrite) => twoRecords.when(transaction(null, [], write))
    when({ kind: 'add', records: [record('ada', 1, 1)] }).isRefused('conflict', '"ada"', 'there already')
    when({ kind: 'update', records: [record('eve', 1, 1)] }).isRefused('conflict', '"eve"', 'not there')
    when({ kind: 'delete', ids: ['ada', 'eve'] }).isRefused('conflict', '"eve"', 'not there')
  })

  test('keeps to the expected position of its collection', () => {
    const upsert: TransactionWrite = { kind: 'upsert', records: [record('new', 1, 1)] }
    twoRecords.when(transaction(null, [], upsert), 2).isRefused('conflict', 'position 3')
    twoRecords.when(transaction(null, [], upsert), 3).follows({ type: 'add' })
  })

  test('weighs in the queue what its writes weigh', () => {
    const add = put('add', record('a', 1, 2), record('b', 3, 4))
    const command = transaction(3, ['x'], add, { kind: 'delete', ids: ['c'] })
    expect([countOf(command), readsTables(command)]).toEqual([3, false])
    expect(sizeOf(command)).toBeGreaterThan(sizeOf(add))
  })
})

describe('validateTransaction', () => {
  const upsert = (...ids: string[]) => ({
    kind: 'upsert',
    records: { ids, embeddings: ids.map(() => [1]) },
  })
  const many = Array.from({ length: limits.recordsPerWriteMax }, (_, index) => `r${index}`)

  test('reads the columns of every write', () => {
    const checked = validateTransaction({
      readPosition: 7,
      readIds: ['a', 'b', 'a'],
      writes: [upsert('a'), { kind: 'delete', ids: ['b'] }],
    })
    expect(checked).toMatchObject({
      readPosition: 7,
      readIds: ['a', 'b'],
      writes: [
        { kind: 'upsert', records: [{ id: 'a' }] },
        { kind: 'delete', ids: ['b'] },
      ],
    })
  })

  test.each<[string, unknown, ErrorCode]>([
    ['ids read at no position', { readIds: ['a'], writes: [] }, 'invalid_argument'],
    ['no writes', { readIds: [] }, 'invalid_argument'],
    ['a kind that is none', { writes: [{ kind: 'erase', ids: ['a'] }] }, 'invalid_argument'],
    ['a delete by filter', { writes: [{ kind: 'delete', ids: ['a'], where: {} }] }, 'unsupported_option'],
    ['a record that is written twice', { writes: [upsert('a'), upsert('b', 'a')] }, 'invalid_argument'],
    ['too many records', { writes: [upsert(...many), upsert('one more')] }, 'limit_exceeded'],
    ['too many ids read', { readPosition: 1, readIds: [...many, 'one more'], writes: [] }, 'limit_exceeded'],
    ['what it does not know', { writes: [], read_token: 3 }, 'unsupported_option'],
  ])('refuses %s', async (_, given, code) => {
    expect(await codeOf(() => validateTransaction(given))).toBe(code)
  })
})

describe('a position that cannot be read', () => {
  const client = new EphemeralClient()
  afterEach(() => client.close())

  test('is stale: before what a vacuum has left, inside a commit, or none', async () => {
    const collection = await client.createCollection({ name: 'notes', embeddingFunction: null })
    if (!(collection instanceof LocalCollection)) throw new Error('It stands elsewhere.')
    const { position } = await collection.add({ ids: ['a', 'b'], embeddings: [[1], [2]] })
    const started = collection.conditional()
    await started.get({ ids: ['a'] })
    const late = collection.conditional()
    await late.get({ ids: ['b'] })
    await late.update({ ids: ['b'], embeddings: [[9]] })

    await collection.update({ ids: ['a'], embeddings: [[3]] })
    await client.setRetention({ history: { versions: 1 } })
    await client.vacuum()
    expect(await codeOf(() => started.get({ ids: ['b'] }))).toBe('stale_read')
    // What was read before still says whether it has changed.
    expect((await late.commit()).count).toBe(1)

    const { transactions } = collection
    const read = (at: number) => codeOf(() => transactions.read({ ids: ['a'] }, at))
    expect(await read(0)).toBe('stale_read')
    expect(await read(position - 1)).toBe('stale_read')
    expect(await read(position + 1_000)).toBe('position_not_reached')
    const commit = (readPosition: number) =>
      codeOf(() =>
        transactions.commit({ readPosition, readIds: ['a'], writes: [{ kind: 'delete', ids: ['a'] }] }, {}),
      )
    expect(await commit(0)).toBe('stale_read')
    expect(await commit(position - 1)).toBe('stale_read')
    expect(await commit(position + 1_000)).toBe('position_not_reached')

    let runs = 0
    const answer = await collection.conditional().run(async (transaction) => {
      await transaction.get({ ids: ['a'] })
      runs += 1
      if (runs === 1) {
        await collection.update({ ids: ['a'], embeddings: [[4]] })
        await client.vacuum()
      }
      return (await transaction.get({ ids: ['b'], include: ['embeddings'] })).embeddings
    })
    expect([runs, answer]).toEqual([2, [[9]]])
  })
})
