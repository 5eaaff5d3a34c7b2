import { importFailed, recordBytesMax } from './byte-source.ts'

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const letterN = 0x6e

const expected = {
  start: 'the beginning of an object',
  keyOrEnd: 'a key or the end of the object',
  key: 'a key',
  inKey: 'the end of a key',
  colon: 'a colon',
  value: 'an array or null',
  elementOrEnd: 'a value or the end of the array',
  element: 'a value',
  inElement: 'the end of a value',
  inLiteral: 'the end of null',
  afterElement: 'a comma or the end of the array',
  afterColumn: 'a comma or the end of the object',
  end: 'the end of the file',
} as const
type State = keyof typeof expected

/** Which byte leads where; elsewhere than here, only a value may begin. */
const transitions: Partial<Record<State, Readonly<Record<number, State>>>> = {
  start: { [openBrace]: 'keyOrEnd' },
  keyOrEnd: { [quote]: 'inKey', [closeBrace]: 'end' },
  key: { [quote]: 'inKey' },
  colon: { [colon]: 'value' },
  value: { [openBracket]: 'elementOrEnd', [letterN]: 'inLiteral' },
  elementOrEnd: { [closeBracket]: 'afterColumn' },
  afterElement: { [comma]: 'element', [closeBracket]: 'afterColumn' },
  afterColumn: { [comma]: 'key', [closeBrace]: 'end' },
}

function beginsElement(state: State, byte: number): boolean {
  if (state !== 'element' && state !== 'elementOrEnd') return false
  return byte !== comma && byte !== colon && byte !== closeBrace && byte !== closeBracket
}

/**
 * Splits a JSON object of arrays into the texts of their elements, as the bytes come in. It finds where each
 * element ends; whether the element itself is valid is for `JSON.parse`, later.
 *
 * A byte below 128 never is a part of a longer UTF-8 character, so bytes can be compared as they are.
 */
export class ColumnScanner {
  readonly #name: string
  readonly #onElement: (column: string, text: Buffer) => void
  readonly #columns: string[] = []
  #state: State = 'start'
  #offset = 0
  /** Of the value that is being read: its parts from earlier chunks, and where it begins in this one. */
  #parts: Buffer[] = []
  #held = 0
  #from = 0
  #depth = 0
  #inString = false
  #escaped = false

  constructor(name: string, onElement: (column: string, text: Buffer) => void) {
    this.#name = name
    this.#onElement = onElement
  }

  push(chunk: Buffer): void {
    this.#from = 0
    for (let index = 0; index < chunk.length; ) index = this.#step(chunk, index)
    if (this.#state === 'inKey' || this.#isInValue()) {
      this.#parts.push(chunk.subarray(this.#from))
      this.#held += chunk.length - this.#from
      if (this.#held > recordBytesMax)
        throw importFailed(`${this.#name}: a value is longer than ${recordBytesMax} bytes.`)
    }
    this.#offset += chunk.length
  }

  /** The names of the columns that were arrays, in their order. Throws when the object is not complete. */
  end(): readonly string[] {
    if (this.#state !== 'end') throw this.#unexpected('its end', this.#offset)
    return this.#columns
  }

  /** Reads on from `index`; answers the index of the next byte to look at. */
  #step(chunk: Buffer, index: number): number {
    switch (this.#state) {
      case 'inKey':
        return this.#readKey(chunk, index)
      case 'inElement':
        return this.#readElement(chunk, index)
      case 'inLiteral':
        return this.#readLiteral(chunk, index)
      default:
        if (!isSpace(chunk[index]!) && !(this.#state === 'start' && isByteOrderMark(chunk[index]!)))
          this.#structure(chunk[index]!, index)
        // A value begins at the byte that was just seen, and is read from there.
        return this.#isInValue() ? index : index + 1
    }
  }

  #isInValue(): boolean {
    return this.#state === 'inElement' || this.#state === 'inLiteral'
  }

  #structure(byte: number, index: number): void {
    const state = this.#state
    const next = transitions[state]?.[byte] ?? (beginsElement(state, byte) ? 'inElement' : null)
    if (next === null) throw this.#unexpected(JSON.stringify(String.fromCharCode(byte)), this.#offset + index)
    this.#state = next
    if (next === 'inKey') this.#begin(index + 1)
    else if (next === 'inElement') this.#begin(index)
    else if (next === 'inLiteral') {
      // `null` where an array could stand: a column that was not asked for. It does not count as one.
      this.#columns.pop()
      this.#begin(index)
    }
  }

  #readKey(chunk: Buffer, index: number): number {
    const byte = chunk[index]!
    if (this.#escaped) this.#escaped = false
    else if (byte === backslash) this.#escaped = true
    else if (byte === quote) {
      const key = this.#take(chunk, index).toString('utf8')
      if (this.#columns.includes(key))
        throw importFailed(`${this.#name}: the key "${key}" stands there twice.`)
      this.#columns.push(key)
      this.#state = 'colon'
    }
    return index + 1
  }

  #readLiteral(chunk: Buffer, index: number): number {
    const byte = chunk[index]!
    if (byte >= 0x61 && byte <= 0x7a) return index + 1
    const text = this.#take(chunk, index).toString('latin1')
    if (text !== 'null') throw this.#unexpected(JSON.stringify(text), this.#offset + index)
    this.#state = 'afterColumn'
    return index
  }

  /** Runs through a value: to the comma or bracket behind it that is in no string and no bracket of its own. */
  #readElement(chunk: Buffer, start: number): number {
    let index = start
    while (index < chunk.length) {
      if (this.#inString) {
        index = this.#readString(chunk, index)
        continue
      }
      const byte = chunk[index]!
      if (byte === quote) this.#inString = true
      else if (this.#endsElement(byte)) {
        this.#onElement(this.#columns.at(-1)!, onOneLine(this.#take(chunk, index)))
        this.#state = 'afterElement'
        return index
      }
      index += 1
    }
    return index
  }

  #readString(chunk: Buffer, start: number): number {
    for (let index = start; index < chunk.length; index++) {
      const byte = chunk[index]!
      if (this.#escaped) this.#escaped = false
      else if (byte === backslash) this.#escaped = true
      else if (byte === quote) {
        this.#inString = false
        return index + 1
      }
    }
    return chunk.length
  }

  #endsElement(byte: number): boolean {
    if (byte === openBracket || byte === openBrace) this.#depth += 1
    else if (this.#depth === 0) return byte === comma || byte === closeBracket
    else if (byte === closeBracket || byte === closeBrace) this.#depth -= 1
    return false
  }

  #begin(index: number): void {
    this.#from = index
    this.#depth = 0
    this.#inString = false
    this.#escaped = false
  }

  #take(chunk: Buffer, end: number): Buffer {
    const last = chunk.subarray(this.#from, end)
    const whole = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last])
    this.#parts = []
    this.#held = 0
    return whole
  }

  #unexpected(what: string, offset: number): Error {
    return importFailed(
      `${this.#name} is not a JSON object of columns: ${expected[this.#state]} was expected at byte ${offset}, got ${what}.`,
    )
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function isByteOrderMark(byte: number): boolean {
  return byte === 0xef || byte === 0xbb || byte === 0xbf
}

/** Line ends stand only between the tokens of JSON, where a space is as good. The chunk is not ours to change. */
function onOneLine(text: Buffer): Buffer {
  if (!text.includes(0x0a) && !text.includes(0x0d)) return text
  return Buffer.from(text.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)))
}
