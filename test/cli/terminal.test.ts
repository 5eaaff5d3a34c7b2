/** Colours, widths and progress, where somebody looks at them. */
import { execFileSync } from 'node:child_process'
import { createWriteStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { json, lines, temporary } from './support.ts'
import { noTerminal, onTerminal, screen } from './terminal.ts'

const folder = temporary()
const path = join(folder, 'store')
const at = (name: string) => join(folder, name)
const esc = '\u001b'
const hideCursor = `${esc}[?25l`
const showCursor = `${esc}[?25h`

const records = Array.from({ length: 5 }, (_, index) => ({
  id: `record-${index}`,
  document: `Record ${index} has ${'a long text, '.repeat(20)}and an end.`,
  metadata: { topic: 'width', index, more: 'of the same '.repeat(5) },
}))

beforeAll(async () => {
  await json(['add', 'notes', '--create', '--path', path], { input: lines(records) })
})
beforeEach(({ skip }) => {
  if (noTerminal !== null) skip(noTerminal)
})

describe('colours', () => {
  const get = ['get', 'notes', '--limit', '2', '--path', path]

  test('are there on a terminal', async () => {
    const terminal = onTerminal(get)
    expect(await terminal.ended).toBe(0)
    expect(terminal.text()).toContain(`${esc}[36mrecord-0`)
    expect(screen(terminal.text())[0]).toMatch(/^ID +DOCUMENT +METADATA$/)
  })

  test.each([
    ['NO_COLOR', get, { NO_COLOR: '1' }],
    ['--no-color', [...get, '--no-color'], {}],
  ] as const)('are not with %s', async (_, args, env) => {
    const terminal = onTerminal(args, { env })
    expect(await terminal.ended).toBe(0)
    expect(terminal.text()).toContain('record-0')
    expect(terminal.text()).not.toContain(esc)
  })

  test('nor in a failure', async () => {
    const failing = ['count', 'none', '--path', path]
    const coloured = onTerminal(failing)
    expect(await coloured.ended).toBe(1)
    expect(coloured.text()).toContain(`${esc}[31merror:`)
    const plain = onTerminal(failing, { env: { NO_COLOR: '' } })
    expect(await plain.ended).toBe(1)
    expect(plain.text()).toContain('error: ')
    expect(plain.text()).not.toContain(esc)
  })
})

describe.each([80, 120])('%i columns', (columns) => {
  test.each([
    ['a table', ['get', 'notes', '--path', path], 0],
    ['the log', ['log', '--path', path], 0],
    ['the history of a record', ['history', 'notes', 'record-0', '--path', path], 0],
    ['help', ['get', '--help'], 0],
  ] as const)('hold %s, and are used', async (_, args, status) => {
    const terminal = onTerminal(args, { columns })
    expect(await terminal.ended).toBe(status)
    const widths = screen(terminal.text()).map((line) => line.length)
    expect(Math.max(...widths)).toBeLessThanOrEqual(columns)
    expect(Math.max(...widths)).toBeGreaterThan(columns - 25)
  })
})

describe('progress', () => {
  const many = Array.from({ length: 4_000 }, (_, index) => ({
    id: `r${index}`,
    document: `Record ${index}.`,
  }))

  test('is a bar while work goes on, and gone when it is done', async () => {
    writeFileSync(at('many.jsonl'), lines(many))
    const terminal = onTerminal(['import', at('many.jsonl'), 'many', '--batch-size', '10', '--path', path])
    expect(await terminal.ended).toBe(0)
    const text = terminal.text()
    expect(text).toMatch(/importing into many .*[█░]{10,}.* \d+ %/)
    expect(text.indexOf(hideCursor)).toBeGreaterThan(-1)
    expect(text.lastIndexOf(showCursor)).toBeGreaterThan(text.lastIndexOf(hideCursor))
    expect(screen(text).join('\n').trim()).toBe('4,000 records written to many')
  }, 120_000)

  test('is not drawn with --quiet', async () => {
    const args = ['import', at('many.jsonl'), 'quiet', '--batch-size', '10', '--quiet', '--path', path]
    const terminal = onTerminal(args)
    expect(await terminal.ended).toBe(0)
    expect(terminal.text()).not.toContain(hideCursor)
  }, 120_000)

  test('Ctrl-C takes it away, and shows the cursor again', async () => {
    // A source that ends only when it is told to.
    execFileSync('mkfifo', [at('endless')])
    const source = createWriteStream(at('endless'))
    source.on('error', () => undefined)
    let isOpen = true
    const write = (index: number) => {
      if (!isOpen) return
      source.write(lines([{ id: `e${index}`, document: `Record ${index}.` }]), () =>
        setImmediate(write, index + 1),
      )
    }
    write(0)
    const args = ['import', at('endless'), 'endless', '--format', 'jsonl', '--path', path]
    const terminal = onTerminal(args)
    await terminal.shows(/importing into endless .*\d+ records/)
    terminal.child.stdin!.write('\u0003')
    expect(await terminal.ended).toBe(130)
    isOpen = false
    source.destroy()
    const text = terminal.text()
    expect(text).toContain(hideCursor)
    expect(text.lastIndexOf(showCursor)).toBeGreaterThan(text.lastIndexOf(hideCursor))
    // Nobody knows how long a pipe is.
    expect(text).not.toMatch(/\d %/)
    const left = screen(text).join('\n')
    expect(left).toContain('Stopping; once more to quit at once.')
    expect(left).not.toContain('importing into endless')
    const [{ count }] = (await json(['count', 'endless', '--path', path])) as [{ count: number }]
    expect(count % 1_000).toBe(0)
  }, 120_000)
})
