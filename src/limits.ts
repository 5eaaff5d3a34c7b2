/**
 * Every limit of the store, with its reason. Bytes, milliseconds and counts are named in the identifier.
 * What is refused here is refused at the door, before anything is written.
 */
export const limits = {
  /** One write is one LevelDB batch and one SQLite transaction; larger ones would stall the event loop. */
  recordsPerWriteMax: 10_000,
  /** A fork is one commit: its operation records, some 1 KB each with metadata, are in memory together. */
  recordsPerForkMax: 250_000,
  /** float32 values in one vector: four times the largest embedding in common use. */
  dimensionMax: 16_384,
  /** Characters of a record id: it is an index key in SQLite and stands in every header. */
  idLengthMax: 1_024,
  /** Characters of a document; one frame must fit into memory several times over. */
  documentLengthMax: 16_777_216,
  uriLengthMax: 8_192,
  metadataKeyLengthMax: 512,
  metadataKeysMax: 1_024,
  /** Characters of one string in metadata. */
  metadataLengthMax: 1_048_576,
  actorLengthMax: 256,
  reasonLengthMax: 1_024,
  idempotencyKeyLengthMax: 256,
  /** Nesting of `$and` and `$or`; deeper ones are accidents or attacks. */
  filterDepthMax: 64,
  /** Clauses of one filter: SQLite admits 500 terms in a compound and 1,000 levels in an expression. */
  filterClausesMax: 256,
  /** Values of one `$in` or `$nin`. */
  filterValuesMax: 10_000,
  /** Characters of a regular expression. */
  regexLengthMax: 4_096,
  /** Vectors in one query call. */
  queryVectorsMax: 1_000,
  /** Arrays and objects inside each other in a JSON text: as many as Chroma's server reads. */
  jsonDepthMax: 127,
  /** Neighbours of one query. */
  resultsMax: 100_000,
  /** Searches in one call. */
  searchesMax: 100,
  /** Nesting of a ranking expression; what people write by hand has less than ten. */
  rankDepthMax: 64,
  /** Terms of one ranking expression: each is evaluated for all candidates. */
  rankTermsMax: 256,
  /** Chroma's rule for names. */
  nameLengthMin: 3,
  nameLengthMax: 512,
  /** HNSW: memory per node grows with it, recall does not beyond this. */
  maxNeighborsMax: 512,
  efMax: 100_000,

  /** Records that one group commit takes together at most, unless a single write has more. */
  groupRecordsMax: 1_000,
  /** Records of several writes that are applied in one turn of the event loop: 5 to 10 ms, and up to 40 when the
   * full text merges its index. A single write with more is applied whole. */
  appliedPerTurn: 50,
  groupBytesMax: 33_554_432,
  /** Writes that may wait; beyond, callers are told to slow down instead of filling memory. */
  queuedBytesMax: 536_870_912,
  /** Operation records that are encoded before the event loop gets its turn: about 5 ms. */
  encodedPerTurn: 250,
  /** Frames that are put into a batch of the log before the event loop gets its turn: about 10 ms. */
  batchedPerTurn: 2_500,
  /** Newest part of the log that every open reads and checks: more than LevelDB may have to recover. */
  verifiedAtOpenBytes: 8_388_608,
  /** Free space that must remain: LevelDB loses acknowledged writes when it meets a full disk. */
  diskReserveBytes: 67_108_864,
  /** Operation records that a replay applies in one transaction. */
  replayBatchRecords: 1_000,
  /** Bytes of frames after which a replay commits, however few they are. */
  replayBatchBytes: 8_388_608,
  /** Documents that a replay hands to an embedding function at once. */
  embeddingBatchRecords: 256,
  /** Uncompressed bytes of frames in one chunk of a backup: small enough to send anywhere in one piece. */
  backupChunkBytesMax: 67_108_864,
  /** Operation records that a reader of the log holds at once. */
  readAheadRecords: 256,
  /** The same in bytes: documents may be large. */
  readAheadBytes: 16_777_216,
  /** Size of SQLite's write-ahead log at which it is folded into the database. */
  walBytesMax: 4_194_304,
  /** Merging makes no segment larger: building one graph of a million vectors takes minutes. */
  segmentVectorsMax: 500_000,
  /** So many small segments in a row are merged in the background: each costs a query a search of its own. */
  segmentsToMerge: 4,
  /** Vectors of one segment that is built while its collection is not in memory: a restore of a large store shall
   * not take more memory than a small one. */
  sealedFromLogBytesMax: 67_108_864,
  /** However much is sealed already, so many growing vectors are enough to seal; unless `sync_threshold` is higher. */
  growingVectorsMax: 20_000,
} as const
