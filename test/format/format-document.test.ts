/** docs/format.md is what the code does. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { payloadErased, payloadPresent, saltBytes } from '../../src/format/frame.ts'
import { decodeFrame, encodeFrame } from '../../src/format/operation-record.ts'
import { operationTypeNumbers } from '../../src/format/operation-type.ts'
import { logFormatVersion } from '../../src/format/version.ts'
import { schema, schemaVersion } from '../../src/projections/metadata/schema.ts'

const root = join(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'docs/format.md'), 'utf8')
const expected = JSON.parse(readFileSync(join(root, 'test/fixtures/format-1/expected.json'), 'utf8'))

/** The example's lines: where they begin, and their bytes. */
const lines = [...text.matchAll(/^([0-9a-f]{4}) {2}((?:[0-9a-f]{2} ?)+?)(?: {2,}|$)(.*)$/gm)].map(
  ([, at, hex, note]) => ({
    at: Number.parseInt(at!, 16),
    bytes: Buffer.from(hex!.replaceAll(' ', ''), 'hex'),
    note: note!.trim(),
  }),
)
const example = Buffer.concat(lines.map(({ bytes }) => bytes))

test('its example is a frame of the golden store, and what the encoder writes', () => {
  expect(example.toString('hex')).toBe(expected.frames[1])
  const { record } = decodeFrame(2, example)
  const saltAt = 37 + example.readUInt32BE(33)
  expect(encodeFrame(record, example.subarray(saltAt, saltAt + saltBytes)).bytes).toEqual(example)
})

test('its example has each part where it says', () => {
  let at = 0
  for (const line of lines) {
    expect(line.at).toBe(at)
    at += line.bytes.length
  }
  const partAt = (note: RegExp) => lines.find((line) => note.test(line.note))!
  expect(partAt(/^leaf/).at).toBe(0)
  expect(partAt(/^payload state/).bytes).toEqual(Buffer.from([payloadPresent]))
  expect(partAt(/^header length/).bytes.readUInt32BE()).toBe(example.readUInt32BE(33))
  expect(partAt(/^salt/).at).toBe(37 + example.readUInt32BE(33))
  expect(partAt(/^5 committedAt/).bytes.readDoubleBE(1)).toBe(expected.records[1].commit.committedAt)
})

test('its operation types are those of the code', () => {
  const table = [...text.matchAll(/^\| (\d+) +\| `([a-z-]+)` +\| /gm)].map(([, number, name]) => [
    name,
    Number(number),
  ])
  expect(Object.fromEntries(table)).toEqual(operationTypeNumbers)
})

test('its header table has the sixteen fields', () => {
  const indices = [...text.matchAll(/^\| (\d+) +\| [a-zA-Z: ]+ +\| [a-z0-9 ]+ +\| .*\|$/gm)].map(
    ([, index]) => Number(index),
  )
  expect(indices).toEqual(Array.from({ length: 16 }, (_, index) => index))
})

test('its versions, states and tables are those of the code', () => {
  expect(text).toContain(`It describes log format ${logFormatVersion}.`)
  expect(text).toMatch(new RegExp(`^\\| ${logFormatVersion} +\\| [0-9.]+ +\\| `, 'm'))
  expect(text).toContain(`schema version ${schemaVersion}.`)
  expect(text).toContain(
    `The payload state is ${payloadPresent} when salt and payload follow, and ${payloadErased} when`,
  )
  for (const [, name] of schema.matchAll(/CREATE (?:VIRTUAL )?(?:TABLE|VIEW) (\w+)/g))
    expect(text).toContain(`\`${name}\``)
})
