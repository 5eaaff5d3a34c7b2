/** What of the suite the faces that have come out of another store run, and why not more. */
import type { Scope, TopicName } from './suite.ts'

const noTenants = 'an import brings collections, not the tenants and databases around them'
const noPast = 'an import brings the records of now, not those of then'
const noRetention = 'an import brings records, not how long their store keeps what was'
const noFunction = 'an import brings records; which function of the caller made them is not known'

const filters: readonly TopicName[] = ['metadata filters', 'document filters']
const past: readonly TopicName[] = [
  'write options',
  'conditional',
  'order',
  'time',
  'history',
  'changes',
  'lifecycle',
]

/**
 * Restored and replayed stores hold everything. Validation is left out: it refuses before anything is written, so
 * there is nothing to move; the stores that are only reopened or rebuilt run it.
 */
export const moved: Scope = {
  topics: [
    'collections',
    'forks',
    'records',
    'numbers',
    ...filters,
    'queries',
    'searches',
    'spaces',
    'embedding functions',
    ...past,
  ],
}

/** As `moved`, without what another face shows of the same code: how filters read a table that was restored. */
export const movedBriefly: Scope = {
  topics: [
    'collections',
    'forks',
    'records',
    'numbers',
    'queries',
    'searches',
    'spaces',
    'embedding functions',
    ...past,
  ],
}

/** As `moved`, without lifecycle, which builds large graphs: two other faces do that. */
export const movedSmall: Scope = {
  topics: moved.topics?.filter((topic) => topic !== 'lifecycle') ?? [],
}

/** As `movedSmall`, for a store whose commits were decided anew. */
export const decidedAnew: Scope = {
  ...movedSmall,
  cannot: {
    'is answered as it was set: of the store, and of collections that have their own':
      'what was done to the history of the source ends there',
  },
}

/**
 * An export holds the records of one collection as they are. So no topic is run that is about what came before
 * (time, history, changes, forks), about who wrote it and under which key (write options), about the order of
 * operations, or about positions: validation and lifecycle count them, and a transaction names the one that it has
 * read at, which means another state in a log that begins anew.
 */
export const imports: Scope = {
  topics: [
    'collections',
    'records',
    'numbers',
    ...filters,
    'queries',
    'searches',
    'spaces',
    'embedding functions',
  ],
  cannot: {
    'are created, listed by name, counted in pages': noTenants,
    'exist once, and are missed by name': noTenants,
    'tenants are listed by name, in pages': noTenants,
    'is answered as it was set: of the store, and of collections that have their own': noRetention,
    'hold collections of their own, which go with them': noTenants,
    'mean the same in the past': noPast,
    'see the past as it was': noPast,
    'integers of 64 bits stand in the past as they were': noPast,
    'a given one makes the vectors of documents and of queries': noPast,
    'one of the caller must be given again, and says so': noFunction,
    'the built-in one is made again as it was': noFunction,
  },
}

/** As `imports`, of what the format holds: collections and functions are not in the file, whatever its format. */
export const importsBriefly: Scope = {
  topics: ['records', 'numbers', ...filters, 'queries', 'searches', 'spaces'],
  cannot: {
    'mean the same in the past': noPast,
    'see the past as it was': noPast,
    'integers of 64 bits stand in the past as they were': noPast,
  },
}
