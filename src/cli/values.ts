/** Values as text for people. */

/** What a terminal would obey instead of showing it, or that turns the direction of what follows. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const control = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

/** A text on one line, harmless to a terminal. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(control, '\ufffd').trim()
}

/** A value of metadata as a person reads it. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return value
  return Array.isArray(value) ? `[${value.map(valueText).join(', ')}]` : String(value)
}

/** `topic=iron year=1868`; empty for none. */
export function metadataText(metadata: object | null | undefined): string {
  const entries = Object.entries(metadata ?? {})
  return entries.map(([key, value]) => `${key}=${valueText(value)}`).join(' ')
}

/** The first numbers of a vector, and how many there are. */
export function vectorText(vector: readonly number[] | null): string {
  if (vector === null || vector.length === 0) return ''
  const first = vector.slice(0, 3).map((value) => value.toPrecision(3))
  return vector.length > 3 ? `[${first.join(' ')} … ${vector.length}]` : `[${first.join(' ')}]`
}
