/** Logs whose frames are good, one by one, and that break a rule all the same: each rule is held by a finding. */
import { describe, expect, test } from 'vitest'
import { systemEnv } from '../../src/env.ts'
import { AnnalsError } from '../../src/errors.ts'
import { MemoryMedium } from '../../src/log/memory-medium.ts'
import { openLog } from '../../src/log/open-log.ts'
import type { OperationLog } from '../../src/log/operation-log.ts'
import { checkLog } from '../../src/maintenance/check-log.ts'
import type { Commit, OperationRecord, RecordOperation } from '../../src/types.ts'
import { gather } from './support.ts'

const collection = '4f1c7f0a-0000-4000-8000-000000000000'
const other = '4f1c7f0a-0000-4000-8000-000000000001'

function commit(first: number, count = 1, committedAt = 1000): Commit {
  return { first, count, committedAt, actor: null, reason: null, idempotencyKey: null }
}

function operation(position: number, changes: Partial<RecordOperation> = {}): RecordOperation {
  const state = { vector: Float32Array.of(position), document: null, uri: null, metadata: null }
  const label = position - 1
  const base = {
    position,
    commit: commit(position),
    type: 'add' as const,
    collection,
    recordId: `r${position}`,
  }
  return { ...base, label, previous: 0, vectorAt: position, documentAt: 0, state, ...changes }
}

/** An update of the record that stands at `previous`, of nothing but its metadata. */
function update(position: number, previous: number, changes: Partial<RecordOperation> = {}): RecordOperation {
  const state = { vector: null, document: null, uri: null, metadata: { n: position } }
  const kept = { label: previous - 1, previous, vectorAt: previous, recordId: `r${previous}` }
  return operation(position, { type: 'update', state, ...kept, ...changes })
}

const content = { tenant: 't', database: 'd', metadata: null, configuration: {} as never }

/** The creation of a collection; of a fork where a source is named. */
function creation(position: number, id: string, source?: string): OperationRecord {
  const origin = { source: source ?? '', nextLabel: 3, dimension: 1 }
  return {
    position,
    commit: commit(position),
    type: 'create-collection',
    collection: id,
    previous: 0,
    state: { name: 'name', ...content },
    ...(source !== undefined && { forkedFrom: origin }),
  }
}

/** A record that a fork has taken over from `vectorAt`. */
function takenOver(
  position: number,
  vectorAt: number,
  changes: Partial<RecordOperation> = {},
): RecordOperation {
  const state = { vector: null, document: null, uri: null, metadata: null }
  return operation(position, { collection: other, recordId: `r${vectorAt}`, vectorAt, state, ...changes })
}

async function logOf(records: OperationRecord[]): Promise<OperationLog> {
  const options = { env: systemEnv, mark: async () => null, recovery: 'absolute' as const }
  const { log } = await openLog(new MemoryMedium(), options)
  await log.append(records)
  return log
}

async function findings(records: OperationRecord[]): Promise<[string, string][]> {
  const found = await gather(checkLog(await logOf(records), () => undefined))
  return found.map(({ code, where }) => [code, where])
}

describe('a log', () => {
  test('with forks of forks that follow all rules has no finding', async () => {
    const again = '4f1c7f0a-0000-4000-8000-000000000002'
    const records = [
      creation(1, collection),
      operation(2),
      creation(3, other, collection),
      takenOver(4, 2),
      operation(5, { collection: other, label: 3 }),
      creation(6, again, other),
      takenOver(7, 2, { collection: again }),
      takenOver(8, 5, { collection: again, label: 3 }),
    ]
    expect(await findings(records)).toEqual([])
  })

  test('that follows all rules has no finding', async () => {
    const deleted = operation(5, {
      type: 'delete',
      state: null,
      recordId: 'r1',
      previous: 4,
      vectorAt: 1,
      label: 0,
    })
    const again = operation(6, { recordId: 'r1', previous: 5, label: 3 })
    const records = [
      operation(1, { commit: commit(1, 3) }),
      operation(2, { commit: commit(1, 3) }),
      operation(3, { commit: commit(1, 3) }),
      update(4, 1),
      deleted,
      again,
    ]
    expect(await findings(records)).toEqual([])
  })

  test('of thousands of records that refer far back has none either', async () => {
    const records: OperationRecord[] = []
    for (let position = 1; position <= 600; position++) records.push(operation(position))
    for (let position = 601; position <= 1200; position++) records.push(update(position, position - 600))
    expect(await findings(records)).toEqual([])
  })

  test.each<[string, OperationRecord[], [string, string][]]>([
    [
      'a commit that ends too early',
      [operation(1, { commit: commit(1, 2) }), operation(2)],
      [['commit_broken', 'position 2']],
    ],
    [
      'a commit that begins late',
      [operation(1), operation(2, { commit: commit(1, 2) })],
      [['commit_broken', 'position 2']],
    ],
    [
      'a commit that is not finished at its end',
      [operation(1), operation(2, { commit: commit(2, 2) })],
      [['commit_broken', 'position 2']],
    ],
    [
      'a commit whose records do not agree',
      [operation(1, { commit: commit(1, 2) }), operation(2, { commit: { ...commit(1, 2), actor: 'eve' } })],
      [['commit_broken', 'position 2']],
    ],
    [
      'a time that goes backwards',
      [operation(1, { commit: commit(1, 1, 2000) }), operation(2)],
      [['time_backwards', 'position 2']],
    ],
    [
      'a version before it that is not there',
      [operation(1), update(2, 1, { previous: 7 })],
      [['previous_broken', 'position 2']],
    ],
    [
      'a version before it of another record',
      [operation(1), update(2, 1, { recordId: 'x' })],
      [
        ['previous_broken', 'position 2'],
        ['reference_broken', 'position 2'],
      ],
    ],
    [
      'a version before it in another collection',
      [operation(1), update(2, 1, { collection: other })],
      [
        ['previous_broken', 'position 2'],
        ['reference_broken', 'position 2'],
      ],
    ],
    [
      'a vector that stands in a collection that it is no fork of',
      [creation(1, collection), operation(2), creation(3, other), takenOver(4, 2)],
      [['reference_broken', 'position 4']],
    ],
    [
      'a vector that a fork took over from another record',
      [
        creation(1, collection),
        operation(2),
        creation(3, other, collection),
        takenOver(4, 2, { recordId: 'x' }),
      ],
      [['reference_broken', 'position 4']],
    ],
    [
      'a label of a fork that is its source’s',
      [
        creation(1, collection),
        creation(2, other, collection),
        operation(3, { collection: other, label: 2 }),
      ],
      [['label_broken', 'position 3']],
    ],
    [
      'a vector that stands nowhere',
      [operation(1), update(2, 1), update(3, 1, { previous: 2, vectorAt: 2 })],
      [['reference_broken', 'position 3']],
    ],
    [
      'a document that stands nowhere',
      [operation(1), update(2, 1, { documentAt: 1 })],
      [['reference_broken', 'position 2']],
    ],
    [
      'a label that was given before',
      [operation(1), operation(2, { label: 0 })],
      [['label_broken', 'position 2']],
    ],
    [
      'a record that recovery gave up',
      [operation(1), { type: 'lost', position: 2, commit: commit(2) }],
      [['record_lost', 'position 2']],
    ],
  ])('with %s', async (_, records, expected) => {
    expect(await findings(records)).toEqual(expected)
  })
})

test('a page that cannot be read as a whole is read one by one, and what cannot be read is named', async () => {
  const records = Array.from({ length: 600 }, (_, index) => operation(index + 1))
  const log = await logOf(records)
  const unreadable = [300, 301, 600]
  const broken: OperationLog = Object.create(log, {
    head: { value: log.head },
    frontier: { value: log.frontier },
    readMany: { value: (positions: number[]) => log.readMany(positions) },
    range: {
      value: async function* ({ after = 0, until = log.head }) {
        for (let next = after + 1; next <= until; ) {
          // As LevelDB does: one bad block fails the reading of a page.
          const last = Math.min(until, next + 255)
          if (unreadable.some((at) => at >= next && at <= last))
            throw new AnnalsError('log_unavailable', 'The operation log cannot be read: Corruption.')
          for await (const entry of log.range({ after: next - 1, until: last })) yield entry
          next = last + 1
        }
      },
    },
  })
  const found = await gather(checkLog(broken, () => undefined))
  expect(found.map(({ code, where }) => [code, where])).toEqual(
    unreadable.map((position) => ['frame_damaged', `position ${position}`]),
  )
})
