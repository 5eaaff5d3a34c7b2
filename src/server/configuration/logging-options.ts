import type { Level } from 'pino'

/** What the server logs, and in which form. */
export interface LoggingOptions {
  /** Default `info`; `silent` for none. */
  level?: Level | 'silent'
  /** Default `auto`: pretty on a terminal, else one JSON object a line. */
  format?: 'auto' | 'json' | 'pretty'
}
