// Commits transactions in the store argv[2], in each lane from the number that follows on, and tells of each:
// `start lane n`, `ack lane n`.
import { writeSync } from 'node:fs'
import { PersistentClient } from '../../../dist/index.js'
import { commit, lanes } from './transactions.js'

const [, , path, ...first] = process.argv
const client = new PersistentClient({ path, diskReserveBytes: 0 })
const accounts = await client.getCollection({ name: 'accounts' })
await Promise.all(
  lanes.map(async (lane, index) => {
    for (let n = Number(first[index]); ; n++) {
      writeSync(1, `start ${lane} ${n}\n`)
      await commit(accounts, lane, n)
      writeSync(1, `ack ${lane} ${n}\n`)
    }
  }),
)
