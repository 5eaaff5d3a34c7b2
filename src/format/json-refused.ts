/** Why a text was refused: it is no JSON that can be read, or an object in it has a key twice. */
export type JsonReason = 'malformed' | 'duplicate-key'

/** A text that was refused as JSON. */
export class JsonRefused extends Error {
  override readonly name = 'JsonRefused'
  readonly reason: JsonReason

  constructor(reason: JsonReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.reason = reason
  }
}
