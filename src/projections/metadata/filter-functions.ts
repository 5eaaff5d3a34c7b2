import type Database from 'better-sqlite3'
import { regularExpression } from '../../filter/regular-expression.ts'

/**
 * Gives a connection the SQL functions that `filterToSql` calls. To be called once for each connection that
 * runs filters; a second time does no harm.
 *
 * `annals_regex_matches(pattern, document)` is 1 where the pattern matches somewhere in the document, else 0,
 * and 0 for no document. The pattern must have passed `parseWhereDocument`.
 */
export function registerFilterFunctions(db: Database.Database): void {
  db.function(
    'annals_regex_matches',
    { deterministic: true, directOnly: true },
    (pattern: unknown, document: unknown): number =>
      typeof document === 'string' && regularExpression(String(pattern)).matches(document) ? 1 : 0,
  )
}
