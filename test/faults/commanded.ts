import type { ChildProcess } from 'node:child_process'
import { expect } from 'vitest'
import { PersistentClient } from '../../src/index.ts'
import { ended, linesOf, startChild } from './support.ts'

/** What became of one write of a child. */
export interface Written {
  n: number
  fate: string
  code?: string
  message?: string
}

/** A child that writes on command (`children/write-on-command.js`), below `strace` or the like when asked to. */
export class Commanded {
  readonly written: Written[] = []
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  #pid = 0
  #errors = ''

  constructor(args: string[], prefix: string[] = []) {
    this.#child = startChild('write-on-command.js', args, prefix)
    this.#lines = linesOf(this.#child)
    this.#child.stderr!.on('data', (chunk) => (this.#errors += chunk))
  }

  /** Waits until the store is open; false when the child could not be started, with the reason. */
  async open(): Promise<{ pid: number; reason: string }> {
    const { value } = await this.#lines.next()
    if (value !== undefined) this.#pid = (JSON.parse(value) as { open: number }).open
    else await ended(this.#child)
    return { pid: this.#pid, reason: this.#errors.slice(0, 300) }
  }

  /** Makes `count` adds and answers what became of them. */
  async write(count: number, bytes = 200): Promise<Written[]> {
    this.#child.stdin!.write(`${count} ${bytes}\n`)
    const outcomes: Written[] = []
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done === true) throw new Error(`the child ended: ${this.#errors}`)
      const line = JSON.parse(value) as Written & { idle?: boolean }
      if (line.idle === true) break
      outcomes.push(line)
    }
    this.written.push(...outcomes)
    return outcomes
  }

  async kill(): Promise<void> {
    if (this.#pid !== 0) process.kill(this.#pid, 'SIGKILL')
    await ended(this.#child)
  }
}

/** What a write's answer said about its data is what the store, opened again, holds. */
export async function expectFates(path: string, written: readonly Written[]): Promise<void> {
  const client = new PersistentClient({ path, diskReserveBytes: 0 })
  const notes = await client.getCollection({ name: 'notes' })
  const { ids } = await notes.get()
  const found = new Set(ids)
  for (const { n, fate, code, message } of written) {
    const there = [found.has(`${n} a`), found.has(`${n} b`)]
    const said = `${n}: ${fate} ${code ?? ''} ${message ?? ''}`
    if (fate === 'durable') expect(there, said).toEqual([true, true])
    else if (fate === 'not_written') expect(there, said).toEqual([false, false])
    else expect(fate, said).toBe('indeterminate')
    expect(there[0], said).toBe(there[1])
  }
  await notes.upsert({ ids: ['last'], embeddings: [[1]] })
  await client.close()
}
