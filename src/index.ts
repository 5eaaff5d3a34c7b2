/**
 * annals: an embedded, event-sourced, log-structured vector store.
 * This list is the public surface; what is not here may change at any time.
 */

export { type Erasure, type ErasureCertificate, verifyErasure } from './audit/certificate.ts'
export { type Checkpoint, type IssuedCheckpoint, verifyCheckpoint } from './audit/checkpoint.ts'
export type {
  CollectedDiff,
  CollectionDifference,
  Diff,
  Difference,
  RecordDifference,
} from './audit/diff.ts'
export type { ExplainedNeighbor, Place, QueryExplanation } from './audit/explain-query.ts'
export type { RecordVersion } from './audit/history.ts'
export type { LogLine } from './audit/log-entries.ts'
export type { ChangedParts, Operation } from './audit/operation.ts'
export {
  type ConsistencyProof,
  type InclusionProof,
  type ProvenOperation,
  provenOperation,
  type TreeHead,
  verifyConsistency,
  verifyInclusion,
} from './audit/proofs.ts'
export type { ProofOptions } from './audit/prover.ts'
export type {
  Client,
  CollectionStats,
  CreateCollectionOptions,
  Database,
  EraseOptions,
  GetCollectionOptions,
  ListOptions,
  LogOptions,
  ReadableClient,
  RetentionSettings,
  StoreStats,
  Tag,
  Tenant,
} from './client/api.ts'
export type { ClientScope } from './client/client-scope.ts'
export type {
  AddRecords,
  Collection,
  ConditionalTransaction,
  ConfigurationOptions,
  DeleteOptions,
  ForkOptions,
  GetOptions,
  HistoryOptions,
  IndexingStatus,
  ModifyOptions,
  PutRecords,
  QueryOptions,
  ReadableCollection,
  RunOptions,
  SearchOptions,
  TransactionReceipt,
} from './client/collection-api.ts'
export { EphemeralClient, type EphemeralClientOptions } from './client/ephemeral-client.ts'
export { HttpClient } from './client/http/http-client.ts'
export type { HttpClientOptions } from './client/http/http-client-options.ts'
export {
  type FolderCollection,
  type FolderPart,
  type FolderReport,
  type FolderSegment,
  type FolderTables,
  inspectFolder,
} from './client/inspect-folder.ts'
export { PersistentClient, type PersistentClientOptions } from './client/persistent-client.ts'
export { type ReplayTargetOptions, replay, restore } from './client/portability.ts'
export { type AggregateInput, GroupBy, type GroupByInput, MaxK, MinK } from './client/search/group-by.ts'
export { K, Key, type KeyInput } from './client/search/key.ts'
export {
  Abs,
  Div,
  Exp,
  Knn,
  type KnnOptions,
  Log,
  Max,
  Min,
  Mul,
  RankExpression,
  type RankInput,
  type RankLiteral,
  Rrf,
  type RrfOptions,
  Sub,
  Sum,
  Val,
} from './client/search/rank-expression.ts'
export {
  type LimitInput,
  ReadLevel,
  Search,
  type SearchInit,
  type SearchLike,
  type SearchPayload,
  type SelectInput,
} from './client/search/search.ts'
export { WhereExpression, type WhereInput } from './client/search/where-expression.ts'
export type { EmbeddingFunction } from './embedding/embedding-function.ts'
export { FeatureHashingEmbeddingFunction, type FeatureHashingOptions } from './embedding/feature-hashing.ts'
export { TransformersEmbeddingFunction, type TransformersOptions } from './embedding/transformers.ts'
export type { Env } from './env.ts'
export { AnnalsError, type AnnalsErrorOptions, type ErrorCode, errorClasses, type Fate } from './errors.ts'
export type { Recovery } from './log/operation-log.ts'
export type { VacuumOptions, VacuumReport } from './maintenance/caretaker.ts'
export type {
  Checked,
  Finding,
  FindingCode,
  Severity,
  VerifyLevel,
  VerifyProgress,
} from './maintenance/findings.ts'
export type { ReindexOptions, ReindexReport } from './maintenance/reindexer.ts'
export type { RepairOptions, RepairResult } from './maintenance/repair.ts'
export type { VerifyOptions, VerifyResult } from './maintenance/verify.ts'
export type { StoreOptions } from './opening.ts'
export type { BackupOptions, BackupReport } from './portability/backup.ts'
export { importChroma } from './portability/chroma-import.ts'
export type { ChromaImportOptions, CollectionPlace } from './portability/chroma-options.ts'
export type { ChromaImportReport, ImportedCollectionReport } from './portability/chroma-run.ts'
export { type ChromaServerImportOptions, importChromaServer } from './portability/chroma-server-import.ts'
export type {
  CollectionChanges,
  CollectionChoice,
  CollectionPlan,
  ReplayedRecord,
  Transform,
  TransformedRecord,
} from './portability/collection-plan.ts'
export type {
  ExchangeFormatName,
  ExchangeRecord,
  ExportSource,
  FailedRecord,
  ImportClient,
  ImportTarget,
} from './portability/exchange-types.ts'
export { type ExportOptions, type ExportReport, exportCollection } from './portability/export.ts'
export { type ImportOptions, type ImportReport, importCollection } from './portability/import.ts'
export type { ExchangeControl, ExchangeProgress } from './portability/progress.ts'
export type { ReplayOptions, ReplayReport } from './portability/replay.ts'
export type { RestoreOptions, RestoreReport } from './portability/restore.ts'
export type { TransferOptions, TransferProgress } from './portability/transfer.ts'
export type { Change, ChangeFeed, ChangeOptions, ConnectionState } from './readers/changes.ts'
export { GetResult, type GetRow, QueryResult, type QueryRow } from './readers/results.ts'
export { SearchResult, type SearchRow } from './readers/search-result.ts'
export type {
  CollectionConfiguration,
  CollectionState,
  Commit,
  EmbeddingFunctionConfiguration,
  ErasedInFork,
  HnswConfiguration,
  HoldingBackup,
  Include,
  Metadata,
  MetadataScalar,
  MetadataUpdate,
  MetadataValue,
  OperationType,
  Point,
  RecordImage,
  Retention,
  Space,
  Vector,
  Where,
  WhereDocument,
  WriteOptions,
  WriteReceipt,
} from './types.ts'
