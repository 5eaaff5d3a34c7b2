import { Encoder } from 'cbor-x'

/**
 * CBOR (RFC 8949) as the store writes it: plain arrays, byte strings, text and numbers, and float32 arrays
 * tagged after RFC 8746 (tag 85). No maps and no records, so no key order and no shared structures to agree on.
 */
const encoder = new Encoder({ useRecords: false, tagUint8Array: false, variableMapSize: true })

/** Encodes one value; the bytes belong to the caller only until they are copied. */
export function encodeCbor(value: unknown): Buffer {
  return encoder.encode(value)
}

/** Decodes one value. Only ever called on bytes that a digest has vouched for. */
export function decodeCbor(bytes: Uint8Array): unknown {
  return encoder.decode(bytes)
}
