/** Frames and the two records beside them: what is written comes back, and nothing else is ever believed. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AnnalsError } from '../../src/errors.ts'
import { encodeCbor } from '../../src/format/cbor.ts'
import { payloadErased } from '../../src/format/frame.ts'
import {
  decodeHeadRecord,
  decodeStoreRecord,
  encodeHeadRecord,
  encodeStoreRecord,
} from '../../src/format/head-record.ts'
import { positionOf, recordKey, recordRange } from '../../src/format/keys.ts'
import { decodeFrame, encodeFrame } from '../../src/format/operation-record.ts'
import type { OperationRecord, RecordOperation } from '../../src/types.ts'
import { addOf, collection, commitOf } from './support.ts'

const salt = Buffer.alloc(16, 0x5a)
const commit = commitOf(7, 1)[0]!.commit
const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()

const samples: OperationRecord[] = [
  addOf(7, commit),
  { ...addOf(7, commit), type: 'delete', state: null },
  { type: 'create-tenant', position: 7, commit, tenant: 'somebody' },
  { type: 'lost', position: 7, commit },
  {
    type: 'create-collection',
    position: 7,
    commit: { ...commit, reason: 'because', idempotencyKey: 'once' },
    collection,
    previous: 0,
    state: { name: 'n', tenant: 't', database: 'd', metadata: { a: [1.5] }, configuration: {} as never },
  },
]

describe('a frame', () => {
  test('comes back as it was', () => {
    for (const record of samples) {
      const { bytes, leaf } = encodeFrame(record, salt)
      expect(decodeFrame(7, bytes)).toEqual({ record, leaf })
    }
  })

  test('with any single bit flipped is refused by name', () => {
    for (const record of samples) {
      const { bytes } = encodeFrame(record, salt)
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const damaged = Buffer.from(bytes)
        damaged[bit >>> 3]! ^= 1 << (bit & 7)
        expect(
          refusal(() => decodeFrame(7, damaged)),
          `bit ${bit}`,
        ).toBe('log_damaged')
      }
    }
  })

  test('cut anywhere, or with bytes behind it, is refused', () => {
    const { bytes } = encodeFrame(samples[0]!, salt)
    for (let length = 0; length < bytes.length; length++)
      expect(refusal(() => decodeFrame(7, bytes.subarray(0, length)))).toBe('log_damaged')
    expect(refusal(() => decodeFrame(7, Buffer.concat([bytes, Buffer.from([0])])))).toBe('log_damaged')
  })

  test('under a wrong key is refused', () => {
    const { bytes } = encodeFrame(samples[0]!, salt)
    expect(refusal(() => decodeFrame(8, bytes))).toBe('log_damaged')
  })

  test('never shows what its bytes are not, whatever they are', () => {
    const { bytes } = encodeFrame(samples[0]!, salt)
    const mutation = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(mutation, (changes) => {
        const damaged = Buffer.from(bytes)
        for (const [at, change] of changes) damaged[at]! ^= change
        if (damaged.equals(bytes)) return
        expect(refusal(() => decodeFrame(7, damaged))).toBe('log_damaged')
      }),
      { numRuns: 3000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (random) => {
        expect(refusal(() => decodeFrame(7, Buffer.from(random)))).toBe('log_damaged')
      }),
      { numRuns: 1000 },
    )
  })

  test('keeps what JSON and CBOR are known to lose', () => {
    const text = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed())
    // Whole numbers beyond 2^53 are refused at the door: exact ones come as a bigint.
    const scalar = fc.oneof(
      text,
      fc.boolean(),
      fc
        .double({ noNaN: true, noDefaultInfinity: true })
        .filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n))
        .map((n) => n + 0 || 0),
    )
    const metadata = fc.option(
      fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__', 'constructor')), scalar, {
        noNullPrototype: true,
      }),
    )
    const vector = fc.option(fc.float32Array({ minLength: 1, maxLength: 20, noNaN: true }))
    fc.assert(
      fc.property(text, fc.option(text), vector, metadata, (id, document, values, map) => {
        const record: RecordOperation = {
          ...addOf(2 ** 40, { ...commit, first: 2 ** 40 }),
          recordId: id,
          state: { vector: values, document, uri: document, metadata: map },
        }
        const { bytes } = encodeFrame(record, salt)
        const back = decodeFrame(2 ** 40, bytes).record as RecordOperation
        expect(back).toEqual(record)
        expect(JSON.stringify(back.state?.metadata)).toBe(JSON.stringify(map))
        if (values !== null)
          expect(
            Buffer.from(
              back.state!.vector!.buffer.slice(
                back.state!.vector!.byteOffset,
                back.state!.vector!.byteOffset + values.byteLength,
              ),
            ),
          ).toEqual(Buffer.from(values.buffer, values.byteOffset, values.byteLength))
      }),
      { numRuns: 500 },
    )
  })

  test('with its payload erased keeps header, leaf and place in the tree', () => {
    const record = addOf(7, commit)
    const { bytes, leaf } = encodeFrame(record, salt)
    const erased = erasedFrame(bytes)
    expect(decodeFrame(7, erased)).toEqual({ record: { ...record, state: null }, leaf })
    expect(refusal(() => decodeFrame(7, Buffer.concat([erased, Buffer.from([0])])))).toBe('log_damaged')
  })

  test('of an operation that cannot be erased is refused without its payload', () => {
    for (const record of samples.slice(2).filter(({ type }) => type !== 'lost'))
      expect(refusal(() => decodeFrame(7, erasedFrame(encodeFrame(record, salt).bytes)))).toBe('log_damaged')
  })

  test('of a later format or with an unknown operation type says so', () => {
    for (const fields of [
      [2, 7, 7],
      [1, 7, 77],
    ]) {
      const payload = Buffer.concat([salt, encodeCbor(null)])
      const header = encodeCbor([
        ...fields,
        7,
        1,
        0,
        null,
        null,
        null,
        null,
        null,
        0,
        0,
        0,
        0,
        sha256(payload),
      ])
      const length = Buffer.alloc(4)
      length.writeUInt32BE(header.length)
      const frame = Buffer.concat([
        sha256(Buffer.from([0]), header),
        Buffer.from([1]),
        length,
        header,
        payload,
      ])
      expect(refusal(() => decodeFrame(7, frame))).toBe('format_unsupported')
    }
  })
})

describe('the head record', () => {
  const head = {
    head: 2 ** 33 + 5,
    committedAt: 1_700_000_000_123,
    peaks: [salt, salt].map((s) => sha256(s)),
  }
  const three = { ...head, head: 2 ** 33 + 5, peaks: [...head.peaks, sha256(Buffer.alloc(1))] }

  test('comes back as it was', () => {
    for (const record of [three, { head: 0, committedAt: 0, peaks: [] }])
      expect(decodeHeadRecord(encodeHeadRecord(record))).toEqual(record)
  })

  test('with any bit flipped, or cut, is refused by name', () => {
    refusesEveryDamage(encodeHeadRecord(three), decodeHeadRecord)
  })
})

describe('the store record', () => {
  const store = { storeId: collection, epoch: 3, createdAt: 1_700_000_000_123 }

  test('comes back as it was', () => {
    expect(decodeStoreRecord(encodeStoreRecord(store))).toEqual(store)
  })

  test('with any bit flipped, or cut, is refused by name', () => {
    refusesEveryDamage(encodeStoreRecord(store), decodeStoreRecord)
  })

  test('of a later format says so', () => {
    const body = encodeCbor([2, Buffer.alloc(16), 0, 0])
    expect(refusal(() => decodeStoreRecord(Buffer.concat([sha256(body), body])))).toBe('format_unsupported')
  })
})

describe('keys', () => {
  test('sort as their positions do, within the range of records', () => {
    const position = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
    fc.assert(
      fc.property(position, position, (a, b) => {
        expect(Math.sign(Buffer.compare(recordKey(a), recordKey(b)))).toBe(Math.sign(a - b))
        expect(positionOf(recordKey(a))).toBe(a)
        expect(Buffer.compare(recordKey(a), recordRange.gte)).toBe(1)
        expect(Buffer.compare(recordKey(a), recordRange.lt)).toBe(-1)
      }),
    )
  })
})

function refusal(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    if (error instanceof AnnalsError) return error.code
    throw error
  }
  return 'none'
}

function refusesEveryDamage(bytes: Buffer, decode: (bytes: Buffer) => unknown): void {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(bytes)
    damaged[bit >>> 3]! ^= 1 << (bit & 7)
    expect(refusal(() => decode(damaged))).toBe('log_damaged')
  }
  for (let length = 0; length < bytes.length; length++)
    expect(refusal(() => decode(bytes.subarray(0, length)))).toBe('log_damaged')
}

function erasedFrame(bytes: Buffer): Buffer {
  const end = 37 + bytes.readUInt32BE(33)
  const erased = Buffer.from(bytes.subarray(0, end))
  erased[32] = payloadErased
  return erased
}
