import { RE2JS } from 're2js'
import { AnnalsError, show } from '../errors.ts'
import { limits } from '../limits.ts'

/** A pattern that is ready to search with. */
export interface RegularExpression {
  /** Whether the pattern matches anywhere in `text`. Takes time linear in the length of `text`. */
  matches(text: string): boolean
}

/** Compiled patterns that are kept: a query brings a few patterns and tests them on many documents. */
const compiledMax = 32

/** Least recently used first. */
const compiled = new Map<string, RegularExpression>()

/**
 * Compiles a user's pattern, or takes it from those compiled lately.
 *
 * The syntax is that of Rust's `regex`, which Chroma's users write, run by RE2, whose time is linear whatever
 * the pattern. `\w`, `\d`, `\s`, `\b` and their opposites are Unicode's: `\bé\w+` finds "école". Letter case
 * counts unless `(?i)` says otherwise.
 *
 * Not offered, and refused with `invalid_filter` rather than read as something else: look-around,
 * back-references, the flags `x`, `u` and `R`, `\b{start}` and its like, a class within a class and `&&`,
 * `--`, `~~` there, long names of Unicode properties (`\p{L}`, not `\p{Letter}`), a repetition of a repetition
 * (`a**`) or more than 1,000 times. A pattern too long, or too large once its counted repetitions are written
 * out, is refused with `limit_exceeded`: linear in the text is still proportional to the pattern.
 *
 * @example
 * regularExpression('(?i)\\bcafé\\b').matches('Le Café noir') // true
 */
export function regularExpression(pattern: string): RegularExpression {
  const expression = compiled.get(pattern) ?? compile(pattern)
  compiled.delete(pattern)
  compiled.set(pattern, expression)
  for (const oldest of compiled.keys()) {
    if (compiled.size <= compiledMax) break
    compiled.delete(oldest)
  }
  return expression
}

function compile(pattern: string): RegularExpression {
  if (pattern.length > limits.regexLengthMax)
    throw tooLarge(pattern, `has ${pattern.length} characters, more than ${limits.regexLengthMax}`)
  try {
    const pieces = cut(pattern, patternRules)
    if (atomsOf(pieces) > limits.regexLengthMax)
      throw tooLarge(pattern, `has more than ${limits.regexLengthMax} atoms, its repetitions written out`)
    return searcher(pieces)
  } catch (error) {
    if (error instanceof AnnalsError) throw error
    throw new AnnalsError(
      'invalid_filter',
      `${show(pattern)} is not a regular expression: ${reasonOf(error, pattern)}`,
      { cause: error, hint: 'Patterns have the syntax of RE2: no look-around, no back-references.' },
    )
  }
}

function tooLarge(pattern: string, what: string): AnnalsError {
  return new AnnalsError('limit_exceeded', `the regular expression ${show(pattern)} ${what}`, {
    hint: 'Use * or + where the exact count does not matter.',
  })
}

/** RE2's own words, and the fragment that it names only where the user wrote it so. */
function reasonOf(error: unknown, pattern: string): string {
  if (error instanceof SyntaxError) return error.message
  const { error: reason, input } = error as { error?: unknown; input?: unknown }
  if (typeof reason !== 'string') return 'it cannot be compiled'
  return typeof input === 'string' && pattern.includes(input) ? `${reason}: ${show(input)}` : reason
}

/**
 * RE2's `\b` knows the words of ASCII only. A pattern that has it searches a text with other characters in a
 * framed copy: each character stands between two copies of its edge, which is `w` for a character of a word,
 * `-` for any other, and the line feed for itself, so that `(?m)^` and `$` still find it. Each atom takes a
 * character with its edges, and between two atoms `\b` sees two edges, which are ASCII.
 */
function searcher(pieces: Piece[]): RegularExpression {
  // Before the framed pattern: its parentheses would heal an unbalanced one.
  const plain = compileRe2(pieces.map((piece) => piece.source).join(''))
  if (!pieces.some((piece) => piece.kind === 'word-boundary')) return { matches: (text) => plain.test(text) }
  const inFrame = ({ kind, source }: Piece) => (kind === 'atom' ? `(?:(?s:.)${source}(?s:.))` : source)
  // Anchored, with whole frames before the match, so that no match begins inside of one.
  const framed = compileRe2(`\\A(?s:...)*?(?:${pieces.map(inFrame).join('')})`)
  return { matches: (text) => (nonAscii.test(text) ? framed.test(frame(text)) : plain.test(text)) }
}

/** Look-behind is ours alone (see `characterClass`): a user's was refused before. */
function compileRe2(source: string): RE2JS {
  return RE2JS.compile(source, source.includes('(?<!') ? RE2JS.LOOKBEHINDS : 0)
}

const nonAscii = /[\u0080-\uffff]/
const wordCharacter = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]/u

function frame(text: string): string {
  let framed = ''
  for (const character of text) {
    const edge = character === '\n' ? '\n' : wordCharacter.test(character) ? 'w' : '-'
    framed += edge + character + edge
  }
  return framed
}

/** A part of a pattern: `source` is in RE2's syntax, and an atom matches exactly one character. */
interface Piece {
  kind: 'atom' | 'open' | 'close' | 'repeat' | 'word-boundary' | 'non-word' | 'other'
  source: string
  /** For counted repetitions: how often, at most. */
  times?: number
}

/** What a piece looks like in Rust's syntax, and what becomes of it. The first rule that matches is taken. */
type Rule = [look: RegExp, translate: (source: string) => Piece]

function cut(pattern: string, rules: Rule[]): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0; at < pattern.length; ) {
    for (const [look, translate] of rules) {
      look.lastIndex = at
      const source = look.exec(pattern)?.[0]
      if (source === undefined) continue
      pieces.push(translate(source))
      at += source.length
      break
    }
  }
  return pieces
}

/** How many atoms a pattern has once `(ab){3}` is written `ababab`: its automaton grows with them. */
function atomsOf(pieces: Piece[]): number {
  const outer: number[] = []
  let sum = 0
  let last = 0
  for (const { kind, times = 1 } of pieces) {
    if (kind === 'open') {
      outer.push(sum)
      sum = 0
    } else if (kind === 'close') {
      last = sum
      sum += outer.pop() ?? 0
    } else if (kind === 'repeat') {
      sum += last * (times - 1)
      last *= times
    } else {
      last = kind === 'atom' ? 1 : 0
      sum += last
    }
  }
  return sum
}

/** Rust's classes as members of a class of RE2. */
const word = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}'
const perlClasses: Record<string, string> = {
  '\\d': '\\p{Nd}',
  '\\D': '\\P{Nd}',
  '\\s': '\\p{White_Space}',
  '\\S': '\\P{White_Space}',
  '\\w': word,
}

const as =
  (kind: Piece['kind'], translate = (source: string): string => source) =>
  (source: string): Piece => ({ kind, source: translate(source) })

const refuse = (reason: string) => (source: string) => {
  throw new SyntaxError(`${reason}: ${show(source)}`)
}

function codePoint(source: string): string {
  const value = Number.parseInt(source.slice(source[2] === '{' ? 3 : 2), 16)
  if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
    throw new SyntaxError(`no character: ${source}`)
  return `\\x{${value.toString(16)}}`
}

/** `{2}`, `{2,}`, `{,3}` and `{ 2, 3 }`, of which RE2 would take some for plain text. */
function count(source: string): Piece {
  const [from = '', to] = source
    .slice(1, -1)
    .split(',')
    .map((bound) => bound.trim())
  const bounds = to === undefined ? from : `${from || '0'},${to}`
  return { kind: 'repeat', source: `{${bounds}}`, times: Number(to || from) }
}

/**
 * RE2 cannot say "no part of a word" as one member of a class. So `[\Wx]` becomes a choice, and `[^\Wx]` a
 * part of a word that, looking back, is not `x`. Among the rest the surrogates take the place of `\W`: no text
 * has them, and the neighbours keep their meaning.
 */
function characterClass(source: string): string {
  const negated = source.startsWith('[^')
  const members = cut(source.slice(negated ? 2 : 1, -1), classRules)
  const body = members.map((member) => member.source).join('')
  if (!members.some((member) => member.kind === 'non-word')) return `[${negated ? '^' : ''}${body}]`
  return negated ? `(?:[${word}](?<![${body}]))` : `(?:[^${word}]|[${body}])`
}

/** What reads the same inside a class and outside of it. */
const characterRules: Rule[] = [
  [/\\[pP](?:\{[^}]*\}|[a-zA-Z])/y, as('atom')],
  [/\\(?:[xuU]\{[\da-fA-F]+\}|x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8})/y, as('atom', codePoint)],
  [/\\(?:[afnrtv]|[^a-zA-Z\d<>\u0080-\u{10ffff}])/uy, as('atom')],
  [/\\.?/suy, refuse('unknown escape sequence')],
  [/./suy, as('atom')],
]

const classRules: Rule[] = [
  [/\[:\^?[a-z]+:\]/y, as('atom')],
  [/\[/y, refuse('a bracket within a class is written "\\["; classes within classes are not offered')],
  [/&&|--|~~/y, refuse('set operators within a class are not offered')],
  [/\\[dDsSw]/y, as('atom', (source) => perlClasses[source] ?? source)],
  [/\\W/y, as('non-word', () => '\\p{Cs}')],
  [/\^/y, as('atom', () => '\\^')],
  ...characterRules,
]

const patternRules: Rule[] = [
  [/\(\?<?[=!]/y, refuse('look-around is not offered')],
  [/\(\?[a-zA-Z-]+\)/y, as('other')],
  [/\((?:\?P?<[^>]*>|\?[a-zA-Z-]*:)?/y, as('open')],
  [/\)/y, as('close')],
  [/[*+?]/y, as('repeat')],
  [/\{\s*(?:\d+\s*(?:,\s*(?:\d+\s*)?)?|,\s*\d+\s*)\}/y, count],
  [/\{/y, as('atom', () => '\\{')],
  [/[\^$|]|\\[Az]/y, as('other')],
  [/\\b\{[a-z-]+\}/y, refuse('this kind of word boundary is not offered')],
  [/\\[bB]/y, as('word-boundary')],
  [/\\[dDsSw]/y, as('atom', (source) => `[${perlClasses[source]}]`)],
  [/\\W/y, as('atom', () => `[^${word}]`)],
  [/\[\^?(?:\]|(?!\]))(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]/suy, as('atom', characterClass)],
  [/\[/y, refuse('a class without its closing bracket')],
  ...characterRules,
]
