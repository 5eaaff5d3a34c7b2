import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { describe, expect, test } from 'vitest'

/**
 * The floors of the source, lowest first. A file imports from its own folder or from a lower floor; two folders
 * of one floor know nothing of each other.
 */
const floors: readonly (readonly string[])[] = [
  [
    'types',
    'fact',
    'errors',
    'limits',
    'env',
    'files',
    'temporary-folders',
    'exact-number',
    'metadata-form',
    'not-found',
    'commit-end',
    'turns',
    'package-version',
    'rxjs',
  ],
  ['format', 'filter', 'validation', 'embedding'],
  ['log'],
  ['projections'],
  ['commands', 'readers'],
  ['maintenance', 'portability', 'audit'],
  ['opening'],
  ['store'],
  ['wire'],
  ['client'],
  ['server'],
  ['index'],
  ['cli'],
]

const source = resolve(import.meta.dirname, '../src')

/** Path below `src`, with `/`. */
type SourceFile = string

interface Import {
  from: SourceFile
  to: SourceFile
}

function sourceFiles(): SourceFile[] {
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.split(sep).join('/'))
    .sort()
}

/** Specifiers of every import, export-from and dynamic import; those of types count too. */
function specifiers(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const statements = code.matchAll(
    /\b(?:import|export)\b[^'";]*?\bfrom\s*'([^']+)'|\bimport\s*\(?\s*'([^']+)'/g,
  )
  return [...statements].map(([, from, bare]) => from ?? bare!)
}

function importsOf(file: SourceFile): Import[] {
  return specifiers(readFileSync(join(source, file), 'utf8'))
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => resolve(source, dirname(file), specifier))
    .map((path) => ({ from: file, to: relative(source, path).split(sep).join('/') }))
}

/** The folder directly below `src`, or the name of a file that stands there itself. */
function partOf(file: SourceFile): string {
  return file.split('/')[0]!.replace(/\.ts$/, '')
}

function floorOf(part: string): number {
  return floors.findIndex((parts) => parts.includes(part))
}

function isAllowed({ from, to }: Import): boolean {
  const [above, below] = [partOf(from), partOf(to)]
  if (above === below) return true
  const [high, low] = [floorOf(above), floorOf(below)]
  // The words stand beside each other in the root, which is their folder.
  return low < high || (low === 0 && high === 0)
}

/** The first cycle found, as the files in its order; `null` when there is none. */
function cycleIn(imports: readonly Import[]): SourceFile[] | null {
  const targets = new Map<SourceFile, Import[]>()
  for (const one of imports) targets.set(one.from, [...(targets.get(one.from) ?? []), one])
  const done = new Set<SourceFile>()
  const visit = (file: SourceFile, path: SourceFile[]): SourceFile[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return null
    for (const { to } of targets.get(file) ?? []) {
      const cycle = visit(to, [...path, file])
      if (cycle !== null) return cycle
    }
    done.add(file)
    return null
  }
  for (const file of targets.keys()) {
    const cycle = visit(file, [])
    if (cycle !== null) return cycle
  }
  return null
}

const files = sourceFiles()
const imports = files.flatMap(importsOf)

describe('the source', () => {
  test('has a floor for every file', () => {
    expect(files.filter((file) => floorOf(partOf(file)) === -1)).toEqual([])
  })

  test('imports only what is there', () => {
    expect(imports.filter(({ to }) => !files.includes(to))).toEqual([])
    expect(imports.length).toBeGreaterThan(files.length)
  })

  test('imports from the own folder or a lower floor', () => {
    expect(imports.filter((one) => !isAllowed(one)).map(({ from, to }) => `${from} → ${to}`)).toEqual([])
  })

  test('wires its floors in store.ts alone: nothing below a face imports it', () => {
    const users = imports.filter(({ to }) => to === 'store.ts').map(({ from }) => partOf(from))
    expect(users.filter((part) => !['client', 'server', 'cli', 'index'].includes(part))).toEqual([])
  })

  test('has no import cycle, types included', () => {
    expect(cycleIn(imports)).toBeNull()
  })

  test('lets the folders inside of a part know each other in one direction', () => {
    const folders = imports.map(({ from, to }) => ({ from: dirname(from), to: dirname(to) }))
    const inside = folders.filter(
      ({ from, to }) => from !== to && partOf(from) === partOf(to) && from.includes('/') && to.includes('/'),
    )
    expect(inside.length).toBeGreaterThan(0)
    expect(cycleIn(inside)).toBeNull()
  })
})

describe('this checker', () => {
  test('reads every form of import', () => {
    const text = [
      "import a from './a.ts'",
      "import { b,\n  type C } from './b.ts'",
      "import type { D } from '../d.ts'",
      "export { e } from './e.ts'",
      "export type { F } from './f.ts'",
      "import './g.ts'",
      "const h = await import('./h.ts')",
      "// import './no.ts'",
      "const text = 'from nowhere'",
    ].join('\n')
    expect(specifiers(text)).toEqual(['./a.ts', './b.ts', '../d.ts', './e.ts', './f.ts', './g.ts', './h.ts'])
  })

  test('refuses an import of a higher floor, and between two folders of one', () => {
    expect(isAllowed({ from: 'log/a.ts', to: 'projections/b.ts' })).toBe(false)
    expect(isAllowed({ from: 'commands/a.ts', to: 'readers/b.ts' })).toBe(false)
    expect(isAllowed({ from: 'filter/a.ts', to: 'format/b.ts' })).toBe(false)
    expect(isAllowed({ from: 'types.ts', to: 'filter/b.ts' })).toBe(false)
    expect(isAllowed({ from: 'projections/vectors/a.ts', to: 'projections/metadata/b.ts' })).toBe(true)
  })

  test('finds a cycle over several files', () => {
    const ring = [
      { from: 'a.ts', to: 'b.ts' },
      { from: 'b.ts', to: 'c.ts' },
      { from: 'c.ts', to: 'b.ts' },
    ]
    expect(cycleIn(ring)).toEqual(['b.ts', 'c.ts', 'b.ts'])
  })
})
