/** The command line on a terminal of its own: `script` of util-linux makes one. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { binary } from './support.ts'

const { stdout } = spawnSync('script', ['--version'], { encoding: 'utf8' })
/** Why there is no terminal to test on; `null` where there is one. */
export const noTerminal: string | null = /util-linux/.test(stdout ?? '')
  ? null
  : 'there is no script of util-linux here, which makes terminals'

export interface Terminal {
  child: ChildProcess
  /** All that was written to the terminal so far, as a terminal gets it. */
  text(): string
  /** Waits until it shows this. */
  shows(pattern: RegExp): Promise<void>
  /** The exit code of the command. */
  ended: Promise<number | null>
}

/** Starts a command line on a terminal that is so wide. */
export function onTerminal(
  args: readonly string[],
  { columns = 80, env = {} }: { columns?: number; env?: Record<string, string> } = {},
): Terminal {
  const words = [process.execPath, binary, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
  const command = `stty cols ${columns} rows 40; exec ${words.join(' ')}`
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(ANNALS_|NO_COLOR|FORCE_COLOR|CI$)/.test(name)),
  )
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...inherited, TERM: 'xterm-256color', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  const waiting = new Set<() => void>()
  child.stdout!.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    for (const look of waiting) look()
  })
  const ended = new Promise<number | null>((done) => child.once('close', done))
  const shows = (pattern: RegExp): Promise<void> =>
    new Promise((done, failed) => {
      const look = () => {
        if (!pattern.test(text)) return
        waiting.delete(look)
        done()
      }
      waiting.add(look)
      ended.then(() => failed(new Error(`It ended without ${pattern}: ${JSON.stringify(text)}`)))
      look()
    })
  return { child, text: () => text, shows, ended }
}

/** What stands on the screen after all of it: no colours, and no line that was cleared. */
export function screen(text: string): string[] {
  const seen = new Screen()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  for (const [piece, parameter = '', final] of text.matchAll(/\u001b\[\??([\d;]*)([A-Za-z])|[\s\S]/gu))
    if (final === undefined) seen.put(piece)
    else seen.obey(final, parameter)
  return seen.lines.map((line) => line.trimEnd())
}

class Screen {
  readonly lines: string[] = ['']
  #row = 0
  #column = 0

  put(character: string): void {
    if (character === '\r') this.#column = 0
    else if (character === '\n') this.#down()
    else {
      const line = this.#line.padEnd(this.#column)
      this.#line = line.slice(0, this.#column) + character + line.slice(this.#column + 1)
      this.#column += 1
    }
  }

  /** A control sequence, as far as anything here writes it. */
  obey(final: string, parameter: string): void {
    const amount = Number(parameter || 1)
    if (final === 'G') this.#column = amount - 1
    else if (final === 'A') this.#row = Math.max(0, this.#row - amount)
    else if (final === 'K') this.#line = parameter === '2' ? '' : this.#line.slice(0, this.#column)
    else if (final === 'J') {
      this.lines.splice(this.#row + 1)
      this.#line = this.#line.slice(0, this.#column)
    }
  }

  #down(): void {
    this.#row += 1
    this.lines[this.#row] ??= ''
  }

  get #line(): string {
    return this.lines[this.#row]!
  }

  set #line(text: string) {
    this.lines[this.#row] = text
  }
}
