// Everything that stands in the files below a folder. LevelDB compresses its tables, and a search of compressed
// bytes would find nothing even of what is there: so their blocks are unpacked first.
// https://github.com/google/leveldb/blob/main/doc/table_format.md
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { snappyUncompress } from 'hyparquet'

const footerBytes = 48
const snappy = 1

/** In how many files below a folder each of these stands, anywhere. */
export function filesHolding(folder, sought) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => contentOf(join(entry.parentPath, entry.name)))
  return sought.map((bytes) => files.filter((file) => file.includes(bytes)).length)
}

function contentOf(file) {
  const bytes = readFileSync(file)
  return file.endsWith('.ldb') ? Buffer.concat([bytes, ...blocksOf(bytes)]) : bytes
}

/** The blocks of one table, unpacked; its index, which the footer names, says where they are. */
function blocksOf(table) {
  const footer = reader(table, table.length - footerBytes)
  footer.handle()
  const index = unpack(table, footer.handle())
  const restarts = index.readUInt32LE(index.length - 4)
  const entries = reader(index, 0)
  const blocks = []
  while (entries.at < index.length - 4 - 4 * restarts) {
    entries.number()
    const keyBytes = entries.number()
    entries.number()
    entries.at += keyBytes
    blocks.push(unpack(table, entries.handle()))
  }
  return blocks
}

function unpack(table, { offset, size }) {
  const block = table.subarray(offset, offset + size)
  if (table[offset + size] !== snappy) return block
  const unpacked = Buffer.alloc(reader(block, 0).number())
  snappyUncompress(block, unpacked)
  return unpacked
}

/** Reads LevelDB's numbers, seven bits in a byte, one after the other. */
function reader(bytes, at) {
  return {
    at,
    number() {
      let value = 0
      for (let factor = 1; ; factor *= 128) {
        const byte = bytes[this.at++]
        value += (byte % 128) * factor
        if (byte < 128) return value
      }
    },
    handle() {
      return { offset: this.number(), size: this.number() }
    },
  }
}
