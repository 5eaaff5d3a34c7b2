import { AnnalsError, show } from '../errors.ts'
import { collectionNotFound, databaseNotFound, tenantNotFound } from '../not-found.ts'
import type { CollectionState } from '../types.ts'
import type {
  CatalogCommand,
  CreateCollectionCommand,
  DatabaseCommand,
  ModifyCollectionCommand,
} from './command.ts'
import {
  type CollectionHead,
  checkExpected,
  collectionExists,
  type Decision,
  type DecisionState,
  type Draft,
  existing,
  type NewId,
  refuseExpected,
  stateOf,
} from './decision.ts'

/** Decisions about tenants, databases and collections. */
export function decideCatalog(
  command: CatalogCommand,
  state: DecisionState,
  newId: NewId,
  expectedPosition: number | undefined,
): Decision {
  if (command.kind !== 'modify-collection' && command.kind !== 'delete-collection')
    refuseExpected(command.kind, expectedPosition)
  switch (command.kind) {
    case 'create-tenant':
      if (state.hasTenant(command.tenant))
        throw new AnnalsError('tenant_exists', `The tenant ${show(command.tenant)} exists already.`, {
          fate: 'not_written',
        })
      return { drafts: [{ type: 'create-tenant', tenant: command.tenant }], collection: null }
    case 'create-database':
      return { drafts: createDatabase(command, state, newId), collection: null }
    case 'delete-database':
      return { drafts: deleteDatabase(command, state), collection: null }
    case 'reset':
      return { drafts: state.databases().flatMap((name) => deleteDatabase(name, state)), collection: null }
    case 'create-collection':
      return createCollection(command, state, newId)
    case 'modify-collection':
      return modifyCollection(command, state, expectedPosition)
    case 'delete-collection': {
      const { tenant, database, name } = command
      const head = state.collectionNamed(tenant, database, name)
      if (head === null) throw collectionNotFound(name, { fate: 'not_written' })
      checkExpected(head, expectedPosition)
      return { drafts: [collectionDraft('delete-collection', head, stateOf(head))], collection: head.id }
    }
  }
}

function createDatabase({ tenant, database }: DatabaseCommand, state: DecisionState, newId: NewId): Draft[] {
  if (!state.hasTenant(tenant)) throw tenantNotFound(tenant, { fate: 'not_written' })
  if (state.database(tenant, database) !== null)
    throw new AnnalsError(
      'database_exists',
      `The database ${show(database)} exists already in tenant ${show(tenant)}.`,
      {
        fate: 'not_written',
      },
    )
  return [{ type: 'create-database', databaseId: newId(), tenant, database }]
}

/** A database goes with its collections, each of which is a fact of its own. */
function deleteDatabase({ tenant, database }: Omit<DatabaseCommand, 'kind'>, state: DecisionState): Draft[] {
  const databaseId = state.database(tenant, database)
  if (databaseId === null) throw databaseNotFound(tenant, database, { fate: 'not_written' })
  const collections = state.collectionsIn(tenant, database)
  return [
    ...collections.map((head) => collectionDraft('delete-collection', head, stateOf(head))),
    { type: 'delete-database', databaseId, tenant, database },
  ]
}

function createCollection(command: CreateCollectionCommand, state: DecisionState, newId: NewId): Decision {
  const { tenant, database, name, metadata, configuration, getOrCreate } = command
  if (state.database(tenant, database) === null)
    throw databaseNotFound(tenant, database, { fate: 'not_written' })
  const present = state.collectionNamed(tenant, database, name)
  if (present !== null && getOrCreate) return { drafts: [], collection: present.id }
  if (present !== null) throw collectionExists(name)
  const collection = newId()
  const content = { name, tenant, database, metadata, configuration }
  return {
    drafts: [{ type: 'create-collection', collection, previous: 0, state: content }],
    collection,
  }
}

function modifyCollection(
  command: ModifyCollectionCommand,
  state: DecisionState,
  expectedPosition: number | undefined,
): Decision {
  const head = existing(state, command.collection)
  checkExpected(head, expectedPosition)
  const { name = head.name, metadata = head.metadata } = command
  if (name !== head.name && state.collectionNamed(head.tenant, head.database, name) !== null)
    throw collectionExists(name)
  const configuration = command.configuration?.(head.configuration) ?? head.configuration
  if (name === head.name && command.metadata === undefined && command.configuration === undefined)
    return { drafts: [], collection: head.id }
  const content = { ...stateOf(head), name, metadata, configuration }
  return { drafts: [collectionDraft('modify-collection', head, content)], collection: head.id }
}

function collectionDraft(
  type: 'modify-collection' | 'delete-collection',
  head: CollectionHead,
  state: CollectionState,
): Draft {
  return { type, collection: head.id, previous: head.changed, state }
}
