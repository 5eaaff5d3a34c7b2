import { AnnalsError } from '../errors.ts'
import { wrongValue } from './http-error.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The JSON of a body. Malformed JSON and malformed UTF-8 are 400. */
export function parseBody(body: Buffer): unknown {
  try {
    return JSON.parse(decoder.decode(body)) as unknown
  } catch (error) {
    if (error instanceof AnnalsError) throw error
    throw wrongValue(`Failed to parse the request body as JSON: ${reason(error)}`)
  }
}

/** One value as JSON text; what JSON cannot say (infinite distances) is `null`. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value)
}

function reason(error: unknown): string {
  return error instanceof SyntaxError ? error.message : 'the body is not UTF-8'
}
