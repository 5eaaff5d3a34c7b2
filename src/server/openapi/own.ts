/** JSON schemas of what this store has beyond Chroma. Instants are ISO 8601; results have the names of the types. */
import type { JsonSchema } from '../http/route.ts'
import {
  anything,
  array,
  boolean,
  closed,
  count,
  enumeration,
  instant,
  integer,
  map,
  nullable,
  number,
  object,
  ref,
  string,
  uuid,
} from './schema-words.ts'

const point = { oneOf: [integer, string], description: 'A position, an ISO 8601 instant or `tag:NAME`.' }
const who = { actor: nullable(string), reason: nullable(string) }
const place = nullable(object({ rank: integer, distance: nullable(number) }))
const findings = array(ref('Finding'))

const careSchemas: Readonly<Record<string, JsonSchema>> = {
  ReindexPayload: closed({ 'recallMin?': number, 'hnsw?': ref('UpdateHnswConfiguration') }),
  ReindexReport: object({
    segments: object({ before: count, after: count }),
    recall: number,
    vectors: count,
  }),
  CompactPayload: closed({ 'recallMin?': number }),
  ErasePayload: closed({
    collection: { type: 'string', description: 'Name or UUID.' },
    ids: array(string),
    'forks?': {
      type: 'boolean',
      description:
        'Erase in other collections of the fork family, too, where they stand on the same content.',
    },
  }),
  WriteReceipt: object({ position: count, committedAt: instant, count }),
  Erasure: object({ receipt: ref('WriteReceipt'), bytes: count, certificate: nullable(map(anything)) }),
  Retention: closed({
    history: {
      oneOf: [enumeration('forever'), closed({ days: number }), closed({ versions: integer })],
    },
  }),
  RetentionPayload: closed({
    retention: ref('Retention'),
    'collection?': {
      type: 'string',
      description: 'Name or UUID; without it the rule is for the whole store.',
    },
  }),
  RetentionSettings: object({
    store: nullable(ref('Retention')),
    collections: array(object({ id: string, name: string, deleted: boolean, retention: ref('Retention') })),
  }),
  Tenant: object({ name: string }),
  Tag: object({ name: string, position: count }),
  TagPayload: closed({ name: string, point }),
  VerifyPayload: closed({ 'level?': enumeration('quick', 'full', 'deep') }),
  Finding: object({
    code: string,
    severity: enumeration('error', 'warning', 'info'),
    where: string,
    message: string,
    hint: string,
  }),
  VerifyResult: object({ ok: boolean, level: string, findings, checked: map(count) }),
  RepairResult: object({ ok: boolean, repaired: findings, remaining: findings }),
  VacuumPayload: closed({ 'dryRun?': boolean }),
  VacuumReport: object({ versions: count, payloads: count, bytes: count, horizons: map(count) }),
  StoreStats: object({
    path: nullable(string),
    storeId: uuid,
    epoch: count,
    head: count,
    root: string,
    committedAt: instant,
    sealing: count,
    vectorMemoryBytes: count,
    memoryBudgetBytes: nullable(number),
    disk: object({ log: count, metadata: count, segments: count }),
    collections: array(map(anything)),
    recovery: map(anything),
  }),
}

const historySchemas: Readonly<Record<string, JsonSchema>> = {
  Commit: object({
    first: count,
    count,
    committedAt: { type: 'integer', description: 'Unix time in ms.' },
    ...who,
    idempotencyKey: nullable(string),
  }),
  RecordImage: object({
    embedding: array(number),
    document: nullable(string),
    uri: nullable(string),
    metadata: nullable(ref('HashMap')),
  }),
  RecordVersion: object({
    position: count,
    type: enumeration('add', 'update', 'delete'),
    committedAt: instant,
    ...who,
    commit: ref('Commit'),
    before: nullable(ref('RecordImage')),
    after: nullable(ref('RecordImage')),
  }),
  Change: object({
    position: count,
    type: string,
    committedAt: instant,
    ...who,
    commit: ref('Commit'),
    tenant: nullable(string),
    database: nullable(string),
    collection: nullable(uuid),
    id: nullable(string),
    before: nullable(ref('RecordImage')),
    after: nullable(ref('RecordImage')),
    'erased?': boolean,
    state: nullable(map(anything)),
  }),
  Operation: object({ position: count, type: string, committedAt: instant, ...who, id: nullable(string) }),
  Difference: object({
    subject: enumeration('record', 'collection'),
    kind: enumeration('added', 'updated', 'deleted', 'created', 'modified'),
    collection: uuid,
    collectionName: string,
    'id?': string,
    before: nullable(map(anything)),
    after: nullable(map(anything)),
    changed: map(anything),
    by: ref('Operation'),
  }),
  QueryExplanation: object({
    from: count,
    to: count,
    queries: array(
      array(
        object({
          id: string,
          change: enumeration('entered', 'left', 'moved', 'unchanged'),
          before: place,
          after: place,
          because: nullable(enumeration('own', 'others', 'search')),
          causes: array(ref('Operation')),
        }),
      ),
    ),
  }),
  LogLine: object({
    position: count,
    committedAt: instant,
    type: string,
    collection: nullable(uuid),
    collectionName: nullable(string),
    id: nullable(string),
    ...who,
    idempotencyKey: nullable(string),
    commit: object({ first: count, count }),
    changed: nullable(map(anything)),
    summary: string,
    sizes: object({ embedding: count, document: count, uri: count, metadata: count }),
  }),
}

const proofSchemas: Readonly<Record<string, JsonSchema>> = {
  TreeHead: object({ size: count, root: string }),
  InclusionProof: object({
    kind: enumeration('inclusion'),
    version: integer,
    storeId: uuid,
    epoch: count,
    position: count,
    size: count,
    root: string,
    leaf: string,
    header: string,
    content: nullable(string),
    path: array(string),
  }),
  ConsistencyProof: object({
    kind: enumeration('consistency'),
    version: integer,
    storeId: uuid,
    epoch: count,
    from: ref('TreeHead'),
    to: ref('TreeHead'),
    path: array(string),
  }),
  IssuedCheckpoint: object({
    origin: string,
    size: count,
    root: string,
    note: nullable(string),
    verifierKey: nullable(string),
  }),
  LogPosition: object({ position: count }),
  BackupAnnouncement: closed({ host: string, path: string, createdAt: instant, after: count, until: count }),
  BackupRange: object({ storeId: uuid, epoch: count, head: count, root: string, from: count, until: count }),
}

export const ownSchemas: Readonly<Record<string, JsonSchema>> = {
  ...careSchemas,
  ...historySchemas,
  ...proofSchemas,
}
