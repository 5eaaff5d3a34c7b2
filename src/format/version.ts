/**
 * The format of the operation log. `docs/format.md` specifies every byte.
 *
 * Version history:
 * - 1 (0.1.0): frames `leaf | state | header length | header | salt | payload`, RFC 6962 tree, head record.
 */
export const logFormatVersion = 1
