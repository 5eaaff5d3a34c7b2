import { describe } from 'vitest'
import { type Face, fixtureFor, type Topic } from './fixture.ts'
import { changes } from './topics/changes.ts'
import { collections } from './topics/collections.ts'
import { embeddingFunctions } from './topics/embedding-functions.ts'
import { documentFilters, metadataFilters } from './topics/filters.ts'
import { history } from './topics/history.ts'
import { lifecycle } from './topics/lifecycle.ts'
import { order } from './topics/order.ts'
import { queries } from './topics/queries.ts'
import { records } from './topics/records.ts'
import { spaces } from './topics/spaces.ts'
import { time } from './topics/time.ts'
import { validation } from './topics/validation.ts'
import { writeOptions } from './topics/write-options.ts'

const topics: Record<string, Topic> = {
  collections,
  records,
  'metadata filters': metadataFilters,
  'document filters': documentFilters,
  queries,
  spaces,
  'write options': writeOptions,
  order,
  time,
  history,
  changes,
  validation,
  'embedding functions': embeddingFunctions,
  lifecycle,
}

/**
 * What every client promises, whatever stands behind it.
 *
 * @example
 * describeClient({ name: 'my client', place: () => myPlace() })
 */
export function describeClient(face: Face): void {
  describe(face.name, () => {
    for (const [name, topic] of Object.entries(topics))
      describe(name, () => {
        topic(fixtureFor(face))
      })
  })
}
