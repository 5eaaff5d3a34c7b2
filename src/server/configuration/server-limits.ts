import { limits as storeLimits } from '../../limits.ts'

/** What one server takes from its callers, beside what the store itself refuses. Each can be configured. */
export interface ServerLimits {
  /** Bytes of one request's body. */
  bodyBytes: number
  /** Bytes of one request's headers together. */
  headerBytes: number
  /** Records of one write. */
  recordsPerWrite: number
  /** Neighbours of one query (`n_results`). */
  results: number
  /** Nesting of a filter. */
  filterDepth: number
  /** Characters of one regular expression. */
  regexLength: number
  /** Requests that are worked on at once; more get 429 with `Retry-After`. */
  concurrentRequests: number
  /** Change feeds, jobs and other long answers at once; more get 429 with `Retry-After`. */
  openStreams: number
  /** Open connections; more are closed as they come. */
  connections: number
  /** Time to answer a request; long answers excepted. */
  requestTimeoutMs: number
  /** Time to receive a whole request. */
  receiveTimeoutMs: number
  /** Time to receive a request's headers. */
  headersTimeoutMs: number
  /** Time that running requests get to end when the server stops. */
  stopTimeoutMs: number
}

/** The limits of a server that was told nothing else. */
export const defaultServerLimits: Readonly<ServerLimits> = {
  /** Chroma's. */
  bodyBytes: 41_943_040,
  headerBytes: 16_384,
  recordsPerWrite: storeLimits.recordsPerWriteMax,
  /** Chroma's largest number. What the store answers at once is limited anyway; asking for more than there is is no error. */
  results: 0xffff_ffff,
  filterDepth: storeLimits.filterDepthMax,
  regexLength: storeLimits.regexLengthMax,
  /** Each may hold a body in memory: with the usual ones of some hundred KiB, some hundred MiB. */
  concurrentRequests: 512,
  openStreams: 128,
  connections: 2_048,
  requestTimeoutMs: 60_000,
  receiveTimeoutMs: 60_000,
  headersTimeoutMs: 10_000,
  /** The promise is to be gone within 5 s; flushing and closing take the rest. */
  stopTimeoutMs: 3_000,
}

/** The largest value of each limit; where the store has one of its own, no more than that. */
export const serverLimitMaxima: Readonly<ServerLimits> = {
  bodyBytes: 1_073_741_824,
  headerBytes: 1_048_576,
  recordsPerWrite: storeLimits.recordsPerWriteMax,
  results: 0xffff_ffff,
  filterDepth: storeLimits.filterDepthMax,
  regexLength: storeLimits.regexLengthMax,
  concurrentRequests: 65_536,
  openStreams: 65_536,
  connections: 65_536,
  requestTimeoutMs: 86_400_000,
  receiveTimeoutMs: 86_400_000,
  headersTimeoutMs: 86_400_000,
  stopTimeoutMs: 3_600_000,
}
