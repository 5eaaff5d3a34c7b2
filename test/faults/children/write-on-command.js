// Opens the store in argv[2]. A line `k bytes` on the input makes k adds, one after the other, with documents of
// so many bytes; prints what became of each, then `idle`. An empty line prints the store's state.
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { systemEnv } from '../../../dist/env.js'
import { PersistentClient } from '../../../dist/index.js'

process.on('warning', () => undefined)
// With `blind` it does not see how full the disk is, as when another process takes the space in between.
const env = process.argv[3] === 'blind' ? { ...systemEnv, freeBytes: () => Infinity } : systemEnv
const client = new PersistentClient({ path: process.argv[2], diskReserveBytes: 0, env })
const notes = await client.getOrCreateCollection({ name: 'notes', embeddingFunction: null })
let n = 0
print({ open: process.pid })
for await (const line of createInterface({ input: process.stdin })) {
  const [count, bytes] = line.split(' ').map(Number)
  for (let round = 0; round < count; round++) await add(bytes)
  print({ idle: true })
}

async function add(bytes) {
  n += 1
  const ids = [`${n} a`, `${n} b`]
  const documents = ids.map((id) => id.padEnd(bytes / 2, '.'))
  try {
    await notes.add({ ids, embeddings: [[n], [n]], documents })
    print({ n, fate: 'durable' })
  } catch (error) {
    print({ n, code: error.code ?? 'unnamed', fate: error.fate ?? 'unnamed', message: error.message })
  }
}

function print(value) {
  writeSync(1, `${JSON.stringify(value)}\n`)
}
