import { AnnalsError, show } from '../errors.ts'
import { collectionNotFound, tagNotFound } from '../not-found.ts'
import type { CareCommand, EraseCommand } from './command.ts'
import { decideDelete } from './decide-records.ts'
import {
  checkExpected,
  type Decision,
  type DecisionState,
  type Draft,
  existing,
  refuseExpected,
} from './decision.ts'
import { reachOf, standsInForks } from './erasure-reach.ts'

/** Decisions about history itself: tags, retention, vacuums, erasures. Pure, like `decide`. */
export function decideCare(
  command: CareCommand,
  state: DecisionState,
  expectedPosition: number | undefined,
): Decision {
  if (command.kind === 'erase') return decideErase(command, state, expectedPosition)
  refuseExpected(command.kind, expectedPosition)
  switch (command.kind) {
    case 'create-tag': {
      const { name, at } = command
      if (state.tag(name) !== null)
        throw new AnnalsError(
          'tag_exists',
          `The tag ${show(name)} stands already for position ${state.tag(name)}.`,
          {
            fate: 'not_written',
            hint: 'Delete it first; or choose another name.',
          },
        )
      return { drafts: [{ type: 'create-tag', name, at }], collection: null }
    }
    case 'delete-tag': {
      const at = state.tag(command.name)
      if (at === null) throw tagNotFound(command.name, { fate: 'not_written' })
      return { drafts: [{ type: 'delete-tag', name: command.name, at }], collection: null }
    }
    case 'set-retention': {
      const { collection, retention } = command
      if (collection !== null) existing(state, collection)
      return { drafts: [{ type: 'set-retention', scope: collection, retention }], collection }
    }
    case 'vacuum': {
      const { collection, horizon, versions, payloads } = command
      const tag = state.oldestTag()
      if (tag !== null && versions.some((died) => died > tag))
        throw new AnnalsError(
          'conflict',
          `A tag for position ${tag} was set meanwhile, which needs what was to go.`,
          {
            fate: 'not_written',
            hint: 'Call vacuum again: it plans anew.',
          },
        )
      const drafts: Draft[] = [{ type: 'vacuum', scope: collection, horizon, versions, payloads }]
      return { drafts: versions.length + payloads.length === 0 ? [] : drafts, collection }
    }
  }
}

/** What is live is deleted first, as a fact of its own; then everything that the ids ever held is let go. */
function decideErase(
  { collection, ids, forks: alsoForks }: EraseCommand,
  state: DecisionState,
  expectedPosition: number | undefined,
): Decision {
  // What was deleted may hold what somebody wants forgotten.
  const head = state.everCollection(collection)
  if (head === null) throw collectionNotFound(collection, { fate: 'not_written' })
  checkExpected(head, expectedPosition)
  const known = ids.filter(
    (id) => state.record(collection, id) !== null || state.lastDeath(collection, id) > 0,
  )
  if (known.length === 0) return { drafts: [], collection }
  const { payloads, others } = reachOf(head, known, state)
  if (others.length > 0 && !alsoForks) throw standsInForks(others)
  const forks = others.map(({ head, ids: inFork }) => ({ collection: head.id, ids: inFork }))
  const deletes = [{ collection, ids: known }, ...forks].flatMap((part) =>
    decideDelete({ ...part, filter: null, limit: null }, state),
  )
  const erase: Draft = { type: 'erase', scope: collection, ids: known, payloads }
  return { drafts: [...deletes, forks.length === 0 ? erase : { ...erase, forks }], collection }
}
