/**
 * The format of the operation log. `docs/format.md` specifies every byte.
 *
 * Version history:
 * - 0 (before the first release): JSON with a digest before it, no tree, every version whole; see
 *   `upcasters/format-0.ts`. Opening such a store migrates it.
 * - 1 (0.1.0): frames `leaf | state | header length | header | salt | payload`, RFC 6962 tree, head record.
 */
export const logFormatVersion = 1
