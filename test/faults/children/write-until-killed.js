// Makes the writes from argv[3] on in the store argv[2], a few at a time, and tells of each: `start n`, `ack n position`.
import { writeSync } from 'node:fs'
import { PersistentClient } from '../../../dist/index.js'
import { collectionNames, operation } from './operations.js'

const [, , path, first] = process.argv
const client = new PersistentClient({ path, diskReserveBytes: 0 })
const collections = new Map()
for (const name of collectionNames) collections.set(name, await client.getCollection({ name }))
let inFlight = 0
for (let n = Number(first); ; n++) {
  const { name, method, args } = operation(n)
  writeSync(1, `start ${n}\n`)
  inFlight += 1
  collections
    .get(name)
    [method](args, { idempotencyKey: `write ${n}` })
    .then(({ position }) => {
      inFlight -= 1
      writeSync(1, `ack ${n} ${position}\n`)
    })
  while (inFlight > n % 5) await new Promise((resolve) => setImmediate(resolve))
}
