/** The built command line as a child process, as a shell starts it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { afterAll } from 'vitest'

export const binary = resolve(import.meta.dirname, '../../dist/cli/annals.js')

export interface Ran {
  status: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  input?: string
  cwd?: string
  env?: Record<string, string>
}

/** A folder that goes away after the tests of this file. */
export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'annals-cli-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Starts the command line, with none of the variables of whoever runs the tests. */
export function start(args: readonly string[], { cwd, env = {} }: RunOptions = {}): ChildProcess {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(ANNALS_|NO_COLOR|FORCE_COLOR)/.test(name)),
  )
  return spawn(process.execPath, [binary, ...args], {
    ...(cwd !== undefined && { cwd }),
    env: { ...inherited, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

/** What a process that was started came to. */
export async function ended(child: ChildProcess): Promise<Ran> {
  let stdout = ''
  let stderr = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const status = await new Promise<number | null>((done) => child.once('close', done))
  return { status, stdout, stderr }
}

/** Runs one command line to its end. */
export async function annals(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = start(args, options)
  // A command that does not read its input may be gone before it is written.
  child.stdin!.on('error', () => undefined)
  child.stdin!.end(options.input ?? '')
  return ended(child)
}

/** Runs one that must succeed and say nothing on standard error; answers its lines of JSON. */
export async function json<T = Record<string, unknown>>(
  args: readonly string[],
  options: RunOptions = {},
): Promise<T[]> {
  const { status, stdout, stderr } = await annals([...args, '--json', '--quiet'], options)
  if (status !== 0 || stderr !== '')
    throw new Error(`annals ${args.join(' ')}: ${status}\n${stderr}${stdout}`)
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}

/** Records as lines of JSON. */
export function lines(records: readonly object[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('')
}

/** Waits for the line in which the server says where it listens. */
export async function listening(server: ChildProcess): Promise<number> {
  let told = ''
  return new Promise((done, failed) => {
    server.once('exit', (code) => failed(new Error(`The server ended with ${code}: ${told}`)))
    for (const stream of [server.stdout!, server.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        told += text
        const [, port] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(told) ?? []
        if (port !== undefined) done(Number(port))
      })
  })
}

/** Waits until a stream has said so. */
export function told(stream: Readable, text: string): Promise<void> {
  let all = ''
  return new Promise((done, failed) => {
    stream.once('close', () => failed(new Error(`"${text}" was never said, but: ${all}`)))
    stream.on('data', (piece: string | Buffer) => {
      all += piece
      if (all.includes(text)) done()
    })
  })
}

/** Sends a signal, and answers the exit code. */
export async function stopped(server: ChildProcess, signal: 'SIGTERM' | 'SIGINT'): Promise<number | null> {
  const code = new Promise<number | null>((done) => server.once('exit', done))
  server.kill(signal)
  return code
}
