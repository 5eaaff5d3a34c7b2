import { AnnalsError, show } from '../errors.ts'
import type { TransactionCommand, TransactionWrite } from './command.ts'
import { decideDelete, decidePut } from './decide-records.ts'
import { type CollectionHead, type DecisionState, type Draft, here } from './decision.ts'

/**
 * All writes of a transaction, if every record that it has read stands as it was read, and every record that it
 * writes is there or not as the write needs it; otherwise `conflict`. Pure, like `decide`.
 */
export function decideTransaction(
  { readPosition, readIds, writes }: TransactionCommand,
  head: CollectionHead,
  state: DecisionState,
): Draft[] {
  if (readPosition !== null) for (const id of readIds) checkUnchanged(head, state, id, readPosition)
  const drafts: Draft[] = []
  let next = head
  for (const write of writes) {
    const made = decideWrite(write, next, state)
    drafts.push(...made)
    next = headAfter(next, made)
  }
  return drafts
}

function decideWrite(write: TransactionWrite, head: CollectionHead, state: DecisionState): Draft[] {
  const collection = head.id
  if (write.kind === 'delete') {
    for (const id of write.ids) checkPresence(head, state, id, true)
    return decideDelete({ collection, ids: write.ids, filter: null, limit: null }, state)
  }
  if (write.kind !== 'upsert')
    for (const { id } of write.records) checkPresence(head, state, id, write.kind === 'update')
  return decidePut({ ...write, collection }, head, state)
}

/** Whatever happens to a record, the position of its newest operation record grows: also a delete leaves one. */
function checkUnchanged(head: CollectionHead, state: DecisionState, id: string, readPosition: number): void {
  const newest = newestOf(head, state, id)
  if (newest <= readPosition) return
  throw conflict(`The record ${show(id)} has changed since it was read at position ${readPosition}.`, newest)
}

function checkPresence(head: CollectionHead, state: DecisionState, id: string, isNeeded: boolean): void {
  if ((state.record(head.id, id) !== null) === isNeeded) return
  const message = isNeeded ? 'is not there any more' : 'is there already'
  throw conflict(`The record ${show(id)} ${message}.`, newestOf(head, state, id))
}

function newestOf(head: CollectionHead, state: DecisionState, id: string): number {
  return state.record(head.id, id)?.position ?? state.lastDeath(head.id, id)
}

/** The collection as the next write of the same transaction meets it. */
function headAfter(head: CollectionHead, drafts: readonly Draft[]): CollectionHead {
  let { nextLabel, dimension } = head
  for (const draft of drafts) {
    if (!('vectorAt' in draft) || draft.vectorAt !== here) continue
    nextLabel = draft.label + 1
    dimension ??= draft.state?.vector?.length ?? null
  }
  return { ...head, nextLabel, dimension }
}

function conflict(message: string, position: number): AnnalsError {
  return new AnnalsError('conflict', message, {
    fate: 'not_written',
    hint: 'Begin a new transaction: read again and decide anew. `run` does so by itself.',
    position,
  })
}
