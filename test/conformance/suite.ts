import { afterAll, beforeEach, describe, expect } from 'vitest'
import { type Face, fixtureFor, type Topic } from './fixture.ts'
import { changes } from './topics/changes.ts'
import { collections } from './topics/collections.ts'
import { conditional } from './topics/conditional.ts'
import { embeddingFunctions } from './topics/embedding-functions.ts'
import { documentFilters, metadataFilters } from './topics/filters.ts'
import { forks } from './topics/forks.ts'
import { history } from './topics/history.ts'
import { lifecycle } from './topics/lifecycle.ts'
import { numbers } from './topics/numbers.ts'
import { order } from './topics/order.ts'
import { queries } from './topics/queries.ts'
import { records } from './topics/records.ts'
import { searches } from './topics/searches.ts'
import { spaces } from './topics/spaces.ts'
import { time } from './topics/time.ts'
import { validation } from './topics/validation.ts'
import { writeOptions } from './topics/write-options.ts'

const topics = {
  collections,
  forks,
  records,
  numbers,
  'metadata filters': metadataFilters,
  'document filters': documentFilters,
  queries,
  searches,
  spaces,
  'write options': writeOptions,
  conditional,
  order,
  time,
  history,
  changes,
  validation,
  'embedding functions': embeddingFunctions,
  lifecycle,
} satisfies Record<string, Topic>

export type TopicName = keyof typeof topics

/** What of the suite a client can hold; everything, where nothing is said. */
export interface Scope {
  topics?: readonly TopicName[]
  /** Tests that its nature forbids, by name, and why. Each must exist. */
  cannot?: Readonly<Record<string, string>>
}

/**
 * What every client promises, whatever stands behind it.
 *
 * @example
 * describeClient({ name: 'my client', place: () => myPlace() })
 */
export function describeClient(face: Face, { topics: chosen, cannot = {} }: Scope = {}): void {
  describe(face.name, () => {
    const left = new Set(Object.keys(cannot))
    beforeEach(({ task, skip }) => {
      const why = cannot[task.name]
      left.delete(task.name)
      if (why !== undefined) skip(why)
    })
    afterAll(() => expect([...left]).toEqual([]))
    for (const [name, topic] of Object.entries(topics))
      if (chosen?.includes(name as TopicName) !== false)
        describe(name, () => {
          topic(fixtureFor(face))
        })
  })
}
