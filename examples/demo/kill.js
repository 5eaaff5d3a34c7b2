import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const writer = fileURLToPath(new URL('../demo-writer.js', import.meta.url))

/**
 * Lets a process write into the store, and kills it with SIGKILL some milliseconds after it has begun
 * the batch after `acknowledgedMin`: anywhere in a write. Answers what it had said by then: the batches begun, and those acknowledged with their
 * positions.
 */
export async function writeAndKill(folder, acknowledgedMin) {
  const child = spawn(process.execPath, [writer, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
  const acknowledged = new Map()
  let begun = 0
  let aimed = false
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line)
    if (message.begun !== undefined) begun = message.begun
    else acknowledged.set(message.acknowledged, message.position)
    if (aimed || begun <= acknowledgedMin) continue
    aimed = true
    setTimeout(() => child.kill('SIGKILL'), Math.random() * 10)
  }
  const { code, signal } = await ended
  return { begun, acknowledged, code, signal }
}
