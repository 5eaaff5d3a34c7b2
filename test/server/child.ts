import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { ServerOptions } from '../../src/server/configuration/server-options.ts'
import { until } from '../support/until.ts'

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

export interface Child {
  url: string
  /** All that it has written so far. */
  output: () => string
  kill: (signal: 'SIGTERM' | 'SIGINT') => void
  ended: Promise<number | null>
}

/** A server in a process of its own, which is gone after the test. */
export async function child(options: ServerOptions): Promise<Child> {
  const script = join(import.meta.dirname, 'children/serve.js')
  const process_ = spawn(process.execPath, [script, JSON.stringify({ port: 0, ...options })])
  children.push(process_)
  let output = ''
  const collect = (chunk: Buffer) => {
    output += chunk
  }
  process_.stdout.on('data', collect)
  process_.stderr.on('data', collect)
  const ended = new Promise<number | null>((resolve) => process_.on('close', resolve))
  await until(() => /^at http\S+$/m.test(output))
  return {
    url: /^at (\S+)$/m.exec(output)![1]!,
    output: () => output,
    kill: (signal) => void process_.kill(signal),
    ended,
  }
}
