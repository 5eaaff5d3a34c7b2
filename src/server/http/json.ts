import { JsonRefused, parseJson, writeJson } from '../../wire/json.ts'
import { wrongShape, wrongValue } from './http-error.ts'

/** The JSON of a body. What is malformed is 400, a key that stands twice 422. */
export function parseBody(body: Uint8Array): unknown {
  try {
    return parseJson(body)
  } catch (error) {
    if (!(error instanceof JsonRefused)) throw error
    const message = `Failed to parse the request body as JSON: ${error.message}`
    throw error.reason === 'malformed' ? wrongValue(message) : wrongShape(message)
  }
}

/** One value as JSON text, exactly; what JSON cannot say (infinite distances) is `null`. */
export function jsonOf(value: unknown): string {
  return writeJson(value)
}
