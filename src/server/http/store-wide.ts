/** What concerns the store as a whole is for those alone who may see all of it. */
import type { OperationType } from '../../types.ts'
import type { Identity } from '../access/access.ts'

/** Whether somebody may see the store as a whole: whoever has no home, and everybody where nobody is asked. */
export function seesStore(identity: Identity | null): boolean {
  return identity === null || identity.tenant === null
}

const types: readonly OperationType[] = ['create-tag', 'delete-tag', 'set-retention']

/** Whether a caller may see an operation: one on the store as a whole, its tags or its retention, not everybody may. */
export function isVisibleTo(
  identity: Identity | null,
  { type, collection }: { type: OperationType; collection: string | null },
): boolean {
  return seesStore(identity) || collection !== null || !types.includes(type)
}
