import { describe, expect, test } from 'vitest'
import type {
  Command,
  CreateCollectionCommand,
  DeleteCommand,
  ModifyCollectionCommand,
  PutCommand,
  RecordInput,
} from '../../src/commands/command.ts'
import { decide, place } from '../../src/commands/decide.ts'
import { here } from '../../src/commands/decision.ts'
import type { MetadataUpdate, RecordOperation } from '../../src/types.ts'
import { defaultHnsw } from '../../src/validation/configuration.ts'
import { commitAt, defaultDatabase, defaultTenant, FoldedState, given } from './given.ts'

const configuration = { hnsw: defaultHnsw(), embedding_function: null }
const scope = { tenant: defaultTenant, database: defaultDatabase }

/** The first id that a decision hands out: the collection of most tests here. */
const notes = 'new-id-1'

function create(name: string, more: Partial<CreateCollectionCommand> = {}): CreateCollectionCommand {
  return {
    kind: 'create-collection',
    ...scope,
    name,
    metadata: null,
    configuration,
    getOrCreate: false,
    ...more,
  }
}

function put(kind: PutCommand['kind'], ...records: RecordInput[]): PutCommand {
  return { kind, collection: notes, records }
}

function record(id: string, parts: Partial<Omit<RecordInput, 'id'>> = {}): RecordInput {
  return { id, vector: null, document: undefined, uri: undefined, metadata: null, ...parts }
}

function vector(...values: number[]): { vector: Float32Array } {
  return { vector: Float32Array.from(values) }
}

function about(metadata: MetadataUpdate): { metadata: MetadataUpdate } {
  return { metadata }
}

function remove(parts: Partial<DeleteCommand>): DeleteCommand {
  return { kind: 'delete', collection: notes, ids: null, filter: null, limit: null, ...parts }
}

function modify(parts: Partial<ModifyCollectionCommand>): ModifyCollectionCommand {
  const nothing = { name: undefined, metadata: undefined, configuration: undefined }
  return { kind: 'modify-collection', collection: notes, ...nothing, ...parts }
}

const withAda = given(
  create('notes'),
  put('add', record('ada', { ...vector(1, 2), ...about({ born: 1815 }) })),
)

describe('add', () => {
  test('is a fact with everything in it', () => {
    const input = record('ada', { ...vector(1, 2), document: 'first', uri: 'file:a', ...about({ a: 1 }) })
    given(create('notes'))
      .when(put('add', input))
      .follows({
        type: 'add',
        collection: notes,
        recordId: 'ada',
        label: 0,
        previous: 0,
        vectorAt: 2,
        documentAt: 2,
        state: { vector: input.vector, document: 'first', uri: 'file:a', metadata: { a: 1 } },
      })
  })

  test('of an existing id is none', () => {
    withAda.when(put('add', record('ada', vector(9, 9)))).follows()
  })

  test('skips the ids that exist and takes the others, with labels that follow each other', () => {
    withAda
      .when(put('add', record('bob', vector(0, 1)), record('ada', vector(9, 9)), record('cyd', vector(1, 0))))
      .follows({ recordId: 'bob', label: 1, vectorAt: 3 }, { recordId: 'cyd', label: 2, vectorAt: 4 })
  })

  test('without a document says so with position 0', () => {
    given(create('notes'))
      .when(put('add', record('ada', vector(1))))
      .follows({ documentAt: 0, state: { document: null, uri: null, metadata: null } })
  })

  test('keeps an empty document', () => {
    given(create('notes'))
      .when(put('add', record('ada', { ...vector(1), document: '' })))
      .follows({ documentAt: 2, state: { document: '' } })
  })

  test('after a delete goes on from it, under a new label', () => {
    withAda
      .and(remove({ ids: ['ada'] }))
      .when(put('add', record('ada', vector(3, 4))))
      .follows({ type: 'add', label: 1, previous: 3, vectorAt: 4 })
  })

  test('needs a vector', () => {
    given(create('notes'))
      .when(put('add', record('ada', { document: 'x' })))
      .isRefused('invalid_argument', '"ada"')
  })

  test('needs vectors of one length, in one call and over all calls', () => {
    withAda
      .when(put('add', record('bob', vector(1, 2, 3))))
      .isRefused('dimension_mismatch', 'of 2', 'got 3', '"bob"')
    given(create('notes'))
      .when(put('add', record('ada', vector(1, 2)), record('bob', vector(1))))
      .isRefused('dimension_mismatch', 'of 2', 'got 1', '"bob"')
  })

  test('needs the right length also for an id that would be skipped', () => {
    withAda.when(put('add', record('ada', vector(1)))).isRefused('dimension_mismatch', '"ada"')
  })

  test('needs the right length also after everything was deleted', () => {
    withAda
      .and(remove({ ids: ['ada'] }))
      .when(put('add', record('ada', vector(1))))
      .isRefused('dimension_mismatch')
  })
})

describe('update', () => {
  test('of metadata merges, and leaves vector and document where they stand', () => {
    withAda.when(put('update', record('ada', about({ born: null, died: 1852 })))).follows({
      type: 'update',
      label: 0,
      previous: 2,
      vectorAt: 2,
      documentAt: 0,
      state: { vector: null, document: null, metadata: { died: 1852 } },
    })
  })

  test('that removes the last key leaves no metadata', () => {
    withAda.when(put('update', record('ada', about({ born: null })))).follows({ state: { metadata: null } })
  })

  test('of the vector gives it a new label', () => {
    withAda
      .when(put('update', record('ada', vector(5, 6))))
      .follows({ label: 1, previous: 2, vectorAt: 3, state: { metadata: { born: 1815 } } })
  })

  test('of the document says where the new one stands', () => {
    withAda
      .and(put('update', record('ada', { document: 'one' })))
      .when(put('update', record('ada', { document: 'two' })))
      .follows({ label: 0, previous: 3, vectorAt: 2, documentAt: 4 })
  })

  test('of the uri keeps the document of an earlier version', () => {
    withAda
      .and(put('update', record('ada', { document: 'one' })))
      .when(put('update', record('ada', { uri: 'file:b' })))
      .follows({ documentAt: 3, state: { document: null, uri: 'file:b' } })
  })

  test('of an unknown id is none, nor of a known one with nothing', () => {
    withAda.when(put('update', record('bob', vector(1, 1)), record('ada'))).follows()
  })
})

describe('upsert', () => {
  test('adds what is new and changes what is there', () => {
    withAda
      .when(put('upsert', record('ada', about({ died: 1852 })), record('bob', vector(7, 8))))
      .follows(
        { type: 'update', recordId: 'ada', label: 0, state: { metadata: { born: 1815, died: 1852 } } },
        { type: 'add', recordId: 'bob', label: 1, vectorAt: 4 },
      )
  })

  test('of a new id with null metadata values adds none of those keys', () => {
    withAda
      .when(put('upsert', record('bob', { ...vector(1, 1), ...about({ a: null }) })))
      .follows({ type: 'add', state: { metadata: null } })
  })
})

describe('delete', () => {
  const three = given(
    create('notes'),
    put('add', record('a', vector(1)), record('b', { ...vector(2), ...about({ k: 1 }) })),
    put('add', record('c', { ...vector(3), ...about({ k: 1 }) })),
  )
  const withK = { kind: 'compare' as const, key: 'k', operator: 'eq' as const, value: 1 }

  test('is logged as the ids that it removed', () => {
    three
      .when(remove({ filter: withK }))
      .follows({ type: 'delete', recordId: 'b', label: 1, previous: 3, state: null }, { recordId: 'c' })
  })

  test('by a filter takes the oldest up to the limit', () => {
    three.when(remove({ filter: withK, limit: 1 })).follows({ recordId: 'b' })
    three.when(remove({ filter: withK, limit: 0 })).follows()
  })

  test('by ids and a filter takes what fits both', () => {
    three.when(remove({ ids: ['a', 'c', 'x'], filter: withK })).follows({ recordId: 'c' })
  })

  test('of unknown ids is none', () => {
    three.when(remove({ ids: ['x', 'a'] })).follows({ recordId: 'a' })
    three.when(remove({ ids: ['x'] })).follows()
  })
})

describe('collections', () => {
  test('are created with an id that chance gives', () => {
    given()
      .when(create('notes', { metadata: { about: 'x' } }))
      .follows({
        type: 'create-collection',
        collection: notes,
        previous: 0,
        state: { name: 'notes', ...scope },
      })
  })

  test('exist once, or are the answer', () => {
    given(create('notes')).when(create('notes')).isRefused('collection_exists', 'notes')
    given(create('notes'))
      .when(create('notes', { getOrCreate: true, metadata: { new: 1 } }))
      .follows()
  })

  test('are found in their own database only', () => {
    const other: Command = { kind: 'create-database', tenant: defaultTenant, database: 'other' }
    given(create('notes'), other)
      .when(create('notes', { database: 'other' }))
      .follows({ state: { database: 'other' } })
    given()
      .when(create('notes', { database: 'other' }))
      .isRefused('database_not_found', '"other"')
  })

  test('are modified in the parts that are given', () => {
    const before = given(create('notes', { metadata: { a: 1 } }), put('add', record('x', vector(1))))
    before
      .when(modify({ name: 'renamed' }))
      .follows({ type: 'modify-collection', previous: 1, state: { name: 'renamed', metadata: { a: 1 } } })
    before
      .and(modify({ name: 'renamed' }))
      .when(modify({ metadata: { b: 2 } }))
      .follows({ previous: 3, state: { name: 'renamed', metadata: { b: 2 } } })
  })

  test('that are modified in nothing stay as they are', () => {
    given(create('notes')).when(modify({})).follows()
    given(create('notes'))
      .when(modify({ name: 'notes' }))
      .follows()
  })

  test('do not take the name of another one', () => {
    given(create('notes'), create('others', {}))
      .when(modify({ name: 'others' }))
      .isRefused('collection_exists', 'others')
  })

  test('that were deleted take no writes, and leave their name', () => {
    const deleted = given(create('notes')).and({ kind: 'delete-collection', ...scope, name: 'notes' })
    deleted.when(put('add', record('a', vector(1)))).isRefused('collection_not_found', notes)
    deleted.when(modify({ name: 'again' })).isRefused('collection_not_found')
    deleted.when(create('notes')).follows({ type: 'create-collection' })
    deleted.when({ kind: 'delete-collection', ...scope, name: 'notes' }).isRefused('collection_not_found')
  })
})

describe('tenants and databases', () => {
  test('exist once', () => {
    given()
      .when({ kind: 'create-tenant', tenant: defaultTenant })
      .isRefused('tenant_exists', 'default_tenant')
    given()
      .when({ kind: 'create-database', ...scope })
      .isRefused('database_exists', 'default_database')
    given()
      .when({ kind: 'create-database', tenant: 'acme', database: 'main' })
      .isRefused('tenant_not_found', '"acme"')
  })

  test('go with their collections, each one a fact', () => {
    const database: Command = { kind: 'create-database', tenant: defaultTenant, database: 'other' }
    given(database, create('one', { database: 'other' }), create('kept'))
      .when({ kind: 'delete-database', tenant: defaultTenant, database: 'other' })
      .follows(
        { type: 'delete-collection', previous: 2, state: { name: 'one' } },
        { type: 'delete-database', databaseId: 'new-id-1', database: 'other' },
      )
  })
})

describe('an expected position', () => {
  const command = put('add', record('bob', vector(1, 1)))

  test('that is the last one of the collection is met', () => {
    withAda.when(command, 2).follows({ recordId: 'bob' })
    // What happens elsewhere in the store does not count.
    withAda.and(create('others')).when(command, 2).follows({ recordId: 'bob' })
  })

  test('that is not is a conflict', () => {
    withAda.when(command, 1).isRefused('conflict', 'position 2', 'expected 1')
    withAda.when(command, 3).isRefused('conflict')
    withAda.when(modify({ name: 'new' }), 1).isRefused('conflict')
    withAda.when({ kind: 'delete-collection', ...scope, name: 'notes' }, 1).isRefused('conflict')
  })

  test('of a command that is about no collection is refused instead of ignored', () => {
    withAda.when(create('more'), 2).isRefused('unsupported_option', 'expectedPosition')
    withAda.when({ kind: 'create-tenant', tenant: 'acme' }, 2).isRefused('unsupported_option')
  })
})

describe('decisions', () => {
  test('repeat themselves: the same log and command, the same records', () => {
    const command = put('upsert', record('ada', about({ a: 1 })), record('bob', vector(1, 1)))
    const state = () => new FoldedState(withAda.log)
    expect(decide(command, state(), () => 'id')).toEqual(decide(command, state(), () => 'id'))
  })

  test('are placed without touching the drafts', () => {
    const { drafts } = decide(put('add', record('x', vector(1, 1))), new FoldedState(withAda.log), () => 'id')
    const commit = commitAt(41, 1)
    const placed = place(drafts, commit) as RecordOperation[]
    expect(placed).toMatchObject([{ position: 41, vectorAt: 41, commit }])
    expect(drafts).toMatchObject([{ vectorAt: here }])
  })
})

describe('fork', () => {
  const fork = (name: string) => ({ kind: 'fork' as const, source: notes, name })
  const erase = (collection: string, ids: string[], forks = false) => ({
    kind: 'erase' as const,
    collection,
    ids,
    forks,
  })
  const two = given(
    create('notes', { metadata: { topic: 'x' } }),
    put('add', record('ada', { ...vector(1, 2), document: 'first', ...about({ born: 1815 }) })),
    put('add', record('bob', vector(3, 4)), record('cyd', vector(5, 6))),
    put('update', record('ada', { ...about({ died: 1852 }), uri: 'file:a' })),
    remove({ ids: ['cyd'] }),
  )
  const forked = two.and(fork('copy'))
  /** Its creation stands at position 7. */
  const copy = 'new-id-7'

  test('is a creation that names the source, and an add for each live record that points into the log', () => {
    two.when(fork('copy')).follows(
      {
        type: 'create-collection',
        collection: copy,
        previous: 0,
        state: { name: 'copy', metadata: { topic: 'x' }, configuration },
        forkedFrom: { source: notes, nextLabel: 3, dimension: 2 },
      },
      {
        type: 'add',
        collection: copy,
        recordId: 'ada',
        label: 0,
        previous: 0,
        vectorAt: 2,
        documentAt: 2,
        state: { vector: null, document: null, uri: 'file:a', metadata: { born: 1815, died: 1852 } },
      },
      { type: 'add', recordId: 'bob', label: 1, vectorAt: 3, documentAt: 0, state: { metadata: null } },
    )
  })

  test('of an empty collection is the creation alone', () => {
    given(create('notes'))
      .when(fork('copy'))
      .follows({ forkedFrom: { source: notes, nextLabel: 0, dimension: null } })
  })

  test('goes on with labels behind those of the source', () => {
    forked
      .when({ ...put('add', record('dan', vector(7, 8))), collection: copy })
      .follows({ label: 3, vectorAt: 10 })
  })

  test('changes and deletes what it took over, and the source keeps it', () => {
    forked
      .when({ ...put('update', record('ada', about({ born: null }))), collection: copy })
      .follows({ label: 0, previous: 8, vectorAt: 2, documentAt: 2, state: { metadata: { died: 1852 } } })
    forked
      .and({ ...remove({ ids: ['ada'] }), collection: copy })
      .when(put('update', record('ada', about({ born: 1 }))))
      .follows({ previous: 5, vectorAt: 2 })
  })

  test('needs a free name, a source, and the source where the caller expects it', () => {
    two.when(fork('notes')).isRefused('collection_exists', 'notes')
    given().when(fork('copy')).isRefused('collection_not_found', notes)
    two.when(fork('copy'), 5).isRefused('conflict', '6', '5')
    two.when(fork('copy'), 6).follows({}, {}, {})
  })

  test('makes an erasure name who else stands on the content, on either side', () => {
    forked.when(erase(notes, ['ada'])).isRefused('conflict', '"copy"', copy)
    forked.when(erase(copy, ['ada'])).isRefused('conflict', '"notes"', notes)
  })

  test('lets an erasure take the family with it, in one commit', () => {
    forked
      .when(erase(notes, ['ada'], true))
      .follows(
        { type: 'delete', collection: notes, recordId: 'ada' },
        { type: 'delete', collection: copy, recordId: 'ada' },
        { type: 'erase', scope: notes, payloads: [2, 5, 8], forks: [{ collection: copy, ids: ['ada'] }] },
      )
  })

  test('is no matter for an erasure of what it never held', () => {
    const [, erasure] = forked
      .and(put('add', record('dan', vector(7, 8))))
      .when(erase(notes, ['cyd', 'dan']))
      .follows({ type: 'delete', recordId: 'dan' }, { type: 'erase', payloads: [4, 10] })
    expect(erasure).not.toHaveProperty('forks')
  })

  test('of a fork shares with both', () => {
    const again = forked.and({ kind: 'fork', source: copy, name: 'again' })
    again
      .when({ kind: 'fork', source: copy, name: 'more' })
      .follows({ forkedFrom: { source: copy, nextLabel: 3 } }, { label: 0, vectorAt: 2 }, { label: 1 })
    again.when(erase(copy, ['bob'])).isRefused('conflict', '"notes"', '"again"')
  })
})
