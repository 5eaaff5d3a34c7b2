import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const childFolder: string = join(dirname(fileURLToPath(import.meta.url)), 'children')

/** A temporary folder and a counter for folders in it. */
export class Workplace {
  readonly root: string = mkdtempSync(join(tmpdir(), 'annals-faults-'))
  #count = 0

  folder(): string {
    this.#count += 1
    return join(this.root, `${this.#count}`)
  }

  copy(source: string): string {
    const target = this.folder()
    cpSync(source, target, { recursive: true })
    return target
  }

  cleanUp(): void {
    rmSync(this.root, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Runs a child to its end; throws when it fails. Answers what it printed. */
export async function runChild(script: string, args: string[], prefix: string[] = []): Promise<string> {
  const child = startChild(script, args, prefix)
  let output = ''
  let errors = ''
  child.stdout!.on('data', (chunk) => (output += chunk))
  child.stderr!.on('data', (chunk) => (errors += chunk))
  const code = await ended(child)
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${errors}`)
  return output
}

/** Starts `node script args`, below another command if one is given. */
export function startChild(script: string, args: string[], prefix: string[] = []): ChildProcess {
  const [command, ...rest] = [...prefix, process.execPath, join(childFolder, script), ...args]
  return spawn(command!, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
}

/** The exit code, or the signal. */
export function ended(child: ChildProcess): Promise<number | string> {
  if (child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve(child.exitCode ?? child.signalCode ?? 'unknown')
  return new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown')))
}

/** Lines that a child prints, as they come. */
export function linesOf(child: ChildProcess): AsyncIterableIterator<string> {
  return createInterface({ input: child.stdout! })[Symbol.asyncIterator]() as AsyncIterableIterator<string>
}

/** Fills a store in `folder`; with `kill`, the process that did is killed with the store open. */
export async function fillStore(folder: string, kill = false): Promise<void> {
  if (!kill) {
    await runChild('fill.js', [folder])
    return
  }
  const child = startChild('fill.js', [folder, 'stay'])
  for await (const line of linesOf(child)) if (line === 'filled') break
  child.kill('SIGKILL')
  await ended(child)
}

export interface Outcome {
  /** Digest of all answers. */
  answers?: string
  code?: string
  message?: string
  /** An error that is not the store's own, or a crash. */
  unnamed?: string
}

/** Opens and asks every folder twice, in child processes: a crash is an outcome too. */
export async function judge(folders: string[]): Promise<Map<string, Outcome[]>> {
  const found = new Map<string, Outcome[]>()
  const rest = [...folders]
  while (rest.length > 0) {
    const child = startChild('judge.js', [])
    const exit = ended(child)
    child.stdin!.on('error', () => undefined)
    child.stdin!.end(`${rest.join('\n')}\n`)
    for await (const line of linesOf(child)) {
      const { folder, outcomes } = JSON.parse(line) as { folder: string; outcomes: Outcome[] }
      found.set(folder, outcomes)
      rest.shift()
    }
    const code = await exit
    if (rest.length > 0) found.set(rest.shift()!, [{ unnamed: `the process ended with ${code}` }])
  }
  return found
}

export function digestOf(answers: unknown): string {
  return createHash('sha256').update(JSON.stringify(answers)).digest('hex')
}

/** Every file below a folder, as relative paths. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}

export function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0
}
