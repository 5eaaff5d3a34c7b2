// Runs on a small file system of its own (argv[2]): a store there meets a full disk, which is then freed again; its
// process is killed, and the store copied to argv[3]. argv[6] is `blind` or `seeing`: see write-on-command.js. Prints what became of each write.
import { spawn } from 'node:child_process'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const [, , disk, copy, documentBytes, leftBytes, sight] = process.argv
const store = join(disk, 'store')
const script = join(dirname(fileURLToPath(import.meta.url)), 'write-on-command.js')
const writer = spawn(process.execPath, [script, store, sight], { stdio: ['pipe', 'pipe', 'inherit'] })
const lines = createInterface({ input: writer.stdout })[Symbol.asyncIterator]()
const written = []

await lines.next()
await write(30)
fill()
await write(15)
rmSync(join(disk, 'ballast'))
await write(40)
writer.kill('SIGKILL')
await new Promise((resolve) => writer.once('close', resolve))
cpSync(store, copy, { recursive: true })
process.stdout.write(`${JSON.stringify(written)}\n`)

async function write(count) {
  writer.stdin.write(`${count} ${documentBytes}\n`)
  for (;;) {
    const { value, done } = await lines.next()
    if (done) throw new Error('the writer ended')
    const line = JSON.parse(value)
    if (line.idle) return
    written.push(line)
  }
}

/** Takes all but some bytes of the disk. */
function fill() {
  const path = join(disk, 'ballast')
  const chunk = Buffer.alloc(4096)
  for (let bytes = 0; ; bytes += chunk.length)
    try {
      writeFileSync(path, chunk, { flag: 'a' })
    } catch {
      writeFileSync(path, Buffer.alloc(Math.max(0, bytes - Number(leftBytes))))
      return
    }
}
