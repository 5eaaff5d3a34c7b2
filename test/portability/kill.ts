import { spawn } from 'node:child_process'
import { join } from 'node:path'

const script = join(import.meta.dirname, 'child.js')

/** Runs a transfer in a child; kills it `afterMs` after it began, if it is not done by then. */
export function killed(
  action: string,
  folder: string,
  afterMs: number,
): Promise<{ done: boolean; tookMs: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, action, folder], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let errors = ''
    let beganAt = 0
    child.stderr.on('data', (piece) => {
      errors += piece
    })
    child.stdout.on('data', (piece) => {
      output += piece
      if (beganAt > 0 || !output.includes('begin')) return
      beganAt = performance.now()
      if (Number.isFinite(afterMs)) setTimeout(() => child.kill('SIGKILL'), afterMs)
    })
    child.on('exit', (code, signal) => {
      const done = output.includes('end')
      if (code === 0 || signal === 'SIGKILL') resolve({ done, tookMs: performance.now() - beganAt })
      else reject(new Error(`${action} ended with ${code}: ${errors}`))
    })
  })
}

/** Moments spread over the time that a whole run takes, the first and the last part of it included. */
export function moments(count: number, tookMs: number, random: () => number): number[] {
  return Array.from({ length: count }, (_, index) => ((index + random()) / count) * tookMs)
}
