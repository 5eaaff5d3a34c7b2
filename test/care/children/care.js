// Runs one long operation on a store, for a parent that kills it in the middle.
import { PersistentClient } from '../../../dist/index.js'

const [folder, operation] = process.argv.slice(2)
const client = new PersistentClient({ path: folder })
const people = await client.getCollection({ name: 'people' })
process.stdout.write('started\n')
const began = performance.now()
if (operation === 'vacuum') await client.vacuum()
else if (operation === 'erase') await client.erase({ collection: 'people', ids: ['p17', 'p18'] })
else if (operation === 'fork') await people.fork({ name: 'copy' })
else await people.reindex({ hnsw: { max_neighbors: 12 + Math.floor(Math.random() * 8) } })
process.stdout.write(`done ${performance.now() - began}\n`)
await client.close()
