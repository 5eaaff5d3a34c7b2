import { sha256 } from './sha256.ts'

/** JSON text of an object, with the `sha256` of all that stands before it as the last field. */
export function sealJson(value: object): string {
  const body = JSON.stringify(value, null, 2).slice(0, -2)
  const digest = sha256(Buffer.from(body)).toString('hex')
  return `${body},\n  "sha256": "${digest}"\n}\n`
}

/** The object in a sealed text, without the seal; `null` unless every byte fits. */
export function unsealJson(text: string): object | null {
  const found = /^([\s\S]*),\n {2}"sha256": "([0-9a-f]{64})"\n\}\n$/.exec(text)
  const body = found?.[1] ?? ''
  if (found === null || sha256(Buffer.from(body)).toString('hex') !== found[2]) return null
  return JSON.parse(`${body}\n}`) as object
}
