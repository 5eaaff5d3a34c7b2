import { AnnalsError, show } from '../errors.ts'
import type { CareCommand, EraseCommand } from './command.ts'
import { decideDelete } from './decide-records.ts'
import { type Decision, type DecisionState, type Draft, existing } from './decision.ts'

/** Decisions about history itself: tags, retention, vacuums, erasures. Pure, like `decide`. */
export function decideCare(command: CareCommand, state: DecisionState): Decision {
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
      if (at === null)
        throw new AnnalsError('tag_not_found', `The tag ${show(command.name)} does not exist.`, {
          fate: 'not_written',
        })
      return { drafts: [{ type: 'delete-tag', name: command.name, at }], collection: null }
    }
    case 'set-retention': {
      const { collection, retention } = command
      if (collection !== null) existing(state, collection)
      return { drafts: [{ type: 'set-retention', scope: collection, retention }], collection }
    }
    case 'vacuum': {
      const { collection, horizon, versions, payloads } = command
      const drafts: Draft[] = [{ type: 'vacuum', scope: collection, horizon, versions, payloads }]
      return { drafts: versions.length + payloads.length === 0 ? [] : drafts, collection }
    }
    case 'erase':
      return decideErase(command, state)
  }
}

/** What is live is deleted first, as a fact of its own; then everything that the ids ever held is let go. */
function decideErase({ collection, ids }: EraseCommand, state: DecisionState): Decision {
  existing(state, collection)
  const known = ids.filter(
    (id) => state.record(collection, id) !== null || state.lastDeath(collection, id) > 0,
  )
  const payloads = known.flatMap((id) => state.payloads(collection, id)).sort((a, b) => a - b)
  if (known.length === 0) return { drafts: [], collection }
  const deletes = decideDelete({ collection, ids: known, filter: null, limit: null }, state)
  return { drafts: [...deletes, { type: 'erase', scope: collection, ids: known, payloads }], collection }
}
