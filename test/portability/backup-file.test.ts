/** The files of a backup, byte by byte: the chunk's grammar against another decoder, and whatever is not it. */
import { decodeMultiple } from 'cbor-x'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type BackupManifest,
  decodeManifest,
  encodeManifest,
  ItemReader,
  itemHead,
} from '../../src/format/backup-file.ts'

const items = fc.array(
  fc.record({
    position: fc.oneof(
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 0, max: 2 ** 32 + 10 }),
      fc.maxSafeNat(),
    ),
    bytes: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 8 },
)

function chunkOf(list: { position: number; bytes: Buffer }[]): Buffer {
  return Buffer.concat(list.flatMap(({ position, bytes }) => [itemHead(position, bytes.length), bytes]))
}

function read(chunk: Buffer, pieceBytes: number) {
  const reader = new ItemReader()
  const found = []
  for (let at = 0; at < chunk.length; at += pieceBytes)
    found.push(...reader.push(chunk.subarray(at, at + pieceBytes)))
  reader.end()
  return found.map(({ position, bytes }) => ({ position, bytes: Buffer.from(bytes) }))
}

describe('a chunk', () => {
  test('is read back from pieces of any size', () => {
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 500 }), (list, pieceBytes) => {
        expect(read(chunkOf(list), pieceBytes)).toEqual(list)
      }),
    )
  })

  test('is a CBOR sequence, as any decoder reads it', () => {
    fc.assert(
      fc.property(items, (list) => {
        const chunk = chunkOf(list)
        const decoded = chunk.length === 0 ? [] : (decodeMultiple(chunk) as [number | bigint, Uint8Array][])
        expect(decoded.map(([position, bytes]) => ({ position: Number(position), bytes }))).toEqual(list)
      }),
    )
  })

  test('with anything else in it, or cut short, is refused', () => {
    expect(() => read(Buffer.from('810a', 'hex'), 9)).toThrow(RangeError)
    expect(() => read(Buffer.from('820a0a', 'hex'), 9)).toThrow(RangeError)
    expect(() => read(Buffer.from('821f40', 'hex'), 9)).toThrow(RangeError)
    const chunk = chunkOf([{ position: 70_000, bytes: Buffer.alloc(300) }])
    for (let end = 1; end < chunk.length; end++)
      expect(() => read(chunk.subarray(0, end), 64)).toThrow(RangeError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          read(Buffer.from(bytes), 7)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
    )
  })

  test('looks as the document says', () => {
    expect(itemHead(24, 300).toString('hex')).toBe('82181859012c')
  })
})

describe('a manifest', () => {
  const end = { position: 0, root: '00', peaks: [] }
  const manifest: BackupManifest = {
    format: 'annals-backup',
    formatVersion: 1,
    logFormatVersion: 1,
    storeId: '5b6f0a86-2f0e-4d0b-b6a5-9a1f7e3c2d48',
    epoch: 0,
    createdAt: new Date(0).toISOString(),
    updatedAt: new Date(0).toISOString(),
    after: end,
    end,
    head: { position: 0, root: '00', committedAt: new Date(0).toISOString() },
    chunks: [],
  }

  test('is JSON that anybody reads, and is read back', () => {
    const text = encodeManifest(manifest)
    const { sha256, ...rest } = JSON.parse(text)
    expect(rest).toEqual(manifest)
    expect(sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(decodeManifest(text, 'here')).toEqual(manifest)
  })

  test('with any byte changed, added or missing is refused', () => {
    const text = encodeManifest(manifest)
    for (let at = 0; at < text.length; at++) {
      const changed = String.fromCharCode(text.charCodeAt(at) ^ 1)
      for (const other of [changed, '', text[at]! + text[at]!])
        expect(() => decodeManifest(text.slice(0, at) + other + text.slice(at + 1), 'here')).toThrow('here')
    }
  })
})
