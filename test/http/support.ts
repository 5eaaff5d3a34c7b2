import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { HttpClient, type HttpClientOptions, PersistentClient } from '../../src/index.ts'
import { type RunningServer, serve } from '../../src/server/index.ts'
import { Relay } from './relay.ts'

const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** To be done after the test, the last first. */
export function afterwards(close: () => unknown): void {
  closing.push(close)
}

/** A folder that is removed after the test. */
export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'annals-http-'))
  afterwards(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Nobody is cut off for being slow: a stop that waits for somebody is a test that hangs. */
const limits = { stopTimeoutMs: 3_600_000 }

/** A store behind a server that can be stopped and started again, and connections to it that can be cut. */
export class Site {
  readonly path: string
  readonly relay: Relay
  #server: RunningServer | null = null

  constructor(path: string) {
    this.path = path
    this.relay = new Relay()
    afterwards(() => this.relay.close())
    afterwards(() => this.stop())
  }

  async start(): Promise<void> {
    this.#server = await serve({ path: this.path, port: 0, heartbeatMs: 50, limits })
    this.relay.target = Promise.resolve(this.#server.port)
  }

  /** As a server that goes: its connections are cut, and new ones are refused. */
  async stop(): Promise<void> {
    this.relay.target = Promise.reject(new Error('stopped'))
    this.relay.target.catch(() => undefined)
    this.relay.cut()
    await this.#server?.close()
    this.#server = null
  }

  client(options: HttpClientOptions = {}): HttpClient {
    const client = new HttpClient({ host: '127.0.0.1', port: this.relay.port, ...options })
    afterwards(() => client.close())
    return client
  }

  /** The same store in this process. */
  local(): PersistentClient {
    const client = new PersistentClient({ path: this.path })
    afterwards(() => client.close())
    return client
  }
}

/** A site that runs. */
export async function site(): Promise<Site> {
  const made = new Site(join(temporary(), 'store'))
  await made.start()
  return made
}

/** Everything that an async iterable gives. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}
