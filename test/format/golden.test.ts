/** A store that log format 1 wrote, opened by this version: every byte of it means what it meant. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemEnv } from '../../src/env.ts'
import { payloadErased } from '../../src/format/frame.ts'
import { recordKey } from '../../src/format/keys.ts'
import { decodeFrame, encodeFrame } from '../../src/format/operation-record.ts'
import { PersistentClient } from '../../src/index.ts'
import { DiskMedium } from '../../src/log/disk-medium.ts'
import { openLog } from '../../src/log/open-log.ts'
import { ask } from '../faults/children/answers.js'
import { rootOf } from '../support/merkle.ts'

const fixture = join(import.meta.dirname, '../fixtures/format-1')
const expected = JSON.parse(readFileSync(join(fixture, 'expected.json'), 'utf8'))
const frames: Buffer[] = expected.frames.map((hex: string) => Buffer.from(hex, 'hex'))

describe('a store of log format 1', () => {
  let path: string

  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'annals-golden-'))
    cpSync(fixture, path, { recursive: true })
    rmSync(join(path, 'expected.json'))
  })

  afterEach(() => rmSync(path, { recursive: true, force: true }))

  test('holds the frames it was written with, byte for byte', async () => {
    const handle = await new DiskMedium(join(path, 'log'), { reserveBytes: 0, env: systemEnv }).open()
    const found = await handle.getMany(frames.map((_, index) => recordKey(index + 1)))
    await handle.close()
    expect(found).toEqual(frames)
  })

  test('reads as what it was', async () => {
    const medium = new DiskMedium(join(path, 'log'), { reserveBytes: 0, env: systemEnv })
    const { log, report } = await openLog(medium, {
      env: systemEnv,
      recovery: 'absolute',
      mark: async () => null,
    })
    const records: unknown[] = []
    for await (const { record } of log.range()) records.push(JSON.parse(JSON.stringify(record, asHex)))
    expect(records).toEqual(expected.records)
    expect(log.root.toString('hex')).toBe(expected.root)
    expect(log).toMatchObject({ storeId: expected.storeId, epoch: expected.epoch, head: expected.head })
    expect(new Date(log.committedAt).toISOString()).toBe(expected.committedAt)
    expect(report).toEqual({ mode: 'absolute', lost: [], truncatedTo: null })
    await log.close()
  })

  test('gives the same answers', async () => {
    const client = new PersistentClient({ path })
    expect(JSON.parse(JSON.stringify(await ask(client)))).toEqual(expected.answers)
    await client.close()
  })

  test('takes writes', async () => {
    const client = new PersistentClient({ path })
    const wide = await client.getCollection({ name: 'wide' })
    const { position } = await wide.update({ ids: ['w0'], metadatas: [{ group: 7 }] })
    expect(position).toBe(expected.head + 1)
    await client.close()
    const again = new PersistentClient({ path, recovery: 'absolute' })
    expect((await (await again.getCollection({ name: 'wide' })).get({ where: { group: 7 } })).ids).toEqual([
      'w0',
    ])
    await again.close()
  })
})

describe('the frames of log format 1', () => {
  test('are what this version writes for the same records', () => {
    let compared = 0
    frames.forEach((frame, index) => {
      const { record } = decodeFrame(index + 1, frame)
      if (frame[32] === payloadErased) return
      const saltAt = 37 + frame.readUInt32BE(33)
      expect(encodeFrame(record, frame.subarray(saltAt, saltAt + 16)).bytes).toEqual(frame)
      compared += 1
    })
    expect(compared).toBe(frames.length - 1)
  })

  test('are the leaves of the tree', () => {
    const leaves = frames.map((frame, index) => decodeFrame(index + 1, frame).leaf)
    expect(rootOf(leaves).toString('hex')).toBe(expected.root)
  })

  test('are of every type', () => {
    expect(new Set(expected.records.map(({ type }: { type: string }) => type))).toEqual(
      new Set([
        'create-tenant',
        'create-database',
        'delete-database',
        'create-collection',
        'modify-collection',
        'delete-collection',
        'add',
        'update',
        'delete',
        'lost',
      ]),
    )
  })

  test('are refused with any bit flipped', () => {
    for (const position of [1, 2, 10, 11, frames.length]) {
      const frame = Buffer.from(frames[position - 1]!)
      for (let bit = 0; bit < frame.length * 8; bit++) {
        frame[bit >>> 3]! ^= 1 << (bit & 7)
        expect(() => decodeFrame(position, frame)).toThrow(expect.objectContaining({ code: 'log_damaged' }))
        frame[bit >>> 3]! ^= 1 << (bit & 7)
      }
    }
  })
})

function asHex(_: string, value: unknown): unknown {
  if (!(value instanceof Float32Array)) return value
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')
}
