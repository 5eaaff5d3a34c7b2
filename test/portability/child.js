// Does one transfer, to be killed in the middle of it: node child.js <action> <folder>.
// Says `begin` once everything is open, and `end` when it is done.
import { join } from 'node:path'
import { PersistentClient, replay, restore } from '../../dist/index.js'

const [action, folder] = process.argv.slice(2)
const at = (name) => join(folder, name)
const begin = () => process.stdout.write('begin\n')

const actions = {
  async backup() {
    const client = new PersistentClient({ path: at('store') })
    await client.open()
    begin()
    await client.backup(at('backup'), { chunkBytesMax: 5000 })
    await client.close()
  },
  async restore() {
    begin()
    await restore(at('backup'), { path: at('restored') })
  },
  async copy() {
    const source = new PersistentClient({ path: at('store') })
    await source.open()
    begin()
    await replay(source, at('replayed'))
    await source.close()
  },
  async replay() {
    const source = new PersistentClient({ path: at('store') })
    await source.open()
    begin()
    await replay(source, at('replayed'), { configuration: { hnsw: { space: 'cosine' } } })
    await source.close()
  },
  async migrate() {
    begin()
    const client = new PersistentClient({ path: at('store') })
    await client.open()
    await client.close()
  },
}

await actions[action]()
process.stdout.write('end\n')
