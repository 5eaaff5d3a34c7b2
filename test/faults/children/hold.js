// Opens the store in argv[2] and holds it until it is killed or its input ends.
import { PersistentClient } from '../../../dist/index.js'

const client = new PersistentClient({ path: process.argv[2], diskReserveBytes: 0 })
await client.open()
process.stdout.write('open\n')
process.stdin.resume()
process.stdin.on('end', () => client.close())
