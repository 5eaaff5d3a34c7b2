import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { until } from '../support/until.ts'

const child = fileURLToPath(new URL('./children/care.js', import.meta.url))

/** Runs the child to its end; answers how many milliseconds the operation took. */
export async function runToEnd(folder: string, operation: string): Promise<number> {
  const running = spawn(process.execPath, [child, folder, operation], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  running.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  await once(running, 'close')
  return Number(/done ([\d.]+)/.exec(output)![1])
}

/** Runs the child and kills it a while after it has begun; answers whether it was done before. */
export async function runAndKill(folder: string, operation: string, afterMs: number): Promise<boolean> {
  const running = spawn(process.execPath, [child, folder, operation], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  running.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const ended = once(running, 'exit')
  await until(() => output.includes('started') || running.exitCode !== null)
  await Promise.race([ended, sleep(afterMs)])
  running.kill('SIGKILL')
  await ended
  return output.includes('done')
}
