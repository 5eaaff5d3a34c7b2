/**
 * Decisions: a command and the state it meets in, operation records out. Pure: no clock, no randomness, no
 * I/O; what is decided here is what the log will say happened, as facts that a replay need not decide again.
 */
import type { Commit, OperationRecord, RecordOperation } from '../types.ts'
import type { Command, DeleteCommand, PutCommand, TransactionCommand } from './command.ts'
import { decideCare } from './decide-care.ts'
import { decideCatalog } from './decide-catalog.ts'
import { decideFork } from './decide-fork.ts'
import { decideDelete, decidePut } from './decide-records.ts'
import { decideTransaction } from './decide-transaction.ts'
import {
  type CollectionHead,
  checkExpected,
  type Decision,
  type DecisionState,
  type Draft,
  existing,
  here,
  type NewId,
  type RecordDraft,
} from './decision.ts'

/** What `command` does to `state`. Throws what the caller is told; nothing happens then. */
export function decide(
  command: Command,
  state: DecisionState,
  newId: NewId,
  expectedPosition?: number,
): Decision {
  switch (command.kind) {
    case 'add':
    case 'update':
    case 'upsert':
    case 'delete':
    case 'transaction': {
      const head = existing(state, command.collection)
      checkExpected(head, expectedPosition)
      return { drafts: decideRecords(command, head, state), collection: head.id }
    }
    case 'create-tag':
    case 'delete-tag':
    case 'set-retention':
    case 'vacuum':
    case 'erase':
      return decideCare(command, state, expectedPosition)
    case 'fork':
      return decideFork(command, state, newId, expectedPosition)
    default:
      return decideCatalog(command, state, newId, expectedPosition)
  }
}

function decideRecords(
  command: PutCommand | DeleteCommand | TransactionCommand,
  head: CollectionHead,
  state: DecisionState,
): Draft[] {
  if (command.kind === 'transaction') return decideTransaction(command, head, state)
  return command.kind === 'delete' ? decideDelete(command, state) : decidePut(command, head, state)
}

/** Gives drafts their positions, from `first` on, and the commit that they form. */
export function place(drafts: readonly Draft[], commit: Commit): OperationRecord[] {
  return drafts.map((draft, index) => {
    const position = commit.first + index
    return 'vectorAt' in draft ? placed(draft, position, commit) : { ...draft, position, commit }
  })
}

// Field by field: a fork places a hundred thousand of them in one turn, and spreading takes ten times as long.
function placed(draft: RecordDraft, position: number, commit: Commit): RecordOperation {
  const { type, collection, recordId, label, previous, state } = draft
  const vectorAt = draft.vectorAt === here ? position : draft.vectorAt
  const documentAt = draft.documentAt === here ? position : draft.documentAt
  return { position, commit, type, collection, recordId, label, previous, vectorAt, documentAt, state }
}
