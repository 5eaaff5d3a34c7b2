/**
 * Reads the few opcodes of Python's pickle that Chroma's id maps are made of. Nothing is ever evaluated: a class
 * that a pickle names is no more than its name, and an object no more than its attributes.
 */

export type PickleValue = string | number | boolean | null | PickleValue[] | Map<PickleValue, PickleValue>

/** What a pickle does not say by values: marks on the stack, names of classes. */
class Mark {}
class ClassName {}
type StackEntry = PickleValue | Mark | ClassName

const mark = new Mark()
const className = new ClassName()

/**
 * Parses a whole pickle, protocols 2 to 5. An object becomes the Map of its attributes.
 * Throws an `Error` that says at which byte, for every opcode that is not one of the few, and for bytes that end
 * too early.
 */
export function parsePickle(bytes: Buffer): PickleValue {
  return new PickleReader(bytes).read()
}

/** Reads an opcode's argument and changes the stack. */
type Opcode = (reader: PickleReader) => void

class PickleReader {
  readonly #bytes: Buffer
  #at = 0
  #stack: StackEntry[] = []
  readonly #memo = new Map<number, StackEntry>()

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  read(): PickleValue {
    while (true) {
      const at = this.#at
      const code = this.uint(1)
      if (code === stop) return this.popValue()
      const opcode = opcodes.get(code)
      if (opcode === undefined)
        throw new Error(`the pickle has the opcode 0x${code.toString(16).padStart(2, '0')} at byte ${at}`)
      opcode(this)
    }
  }

  /** The next `count` bytes. */
  take(count: number): Buffer {
    if (!(count <= this.#bytes.length - this.#at))
      throw new Error(`the pickle ends at byte ${this.#bytes.length}, inside a value`)
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  uint(size: 1 | 2 | 4): number {
    return this.take(size).readUIntLE(0, size)
  }

  /** A length of eight bytes. */
  length8(): number {
    return Number(this.take(8).readBigUInt64LE())
  }

  /** The rest of the line. */
  line(): string {
    const end = this.#bytes.indexOf(10, this.#at)
    if (end === -1) throw new Error('the pickle ends inside a name')
    return this.take(end + 1 - this.#at).toString('latin1')
  }

  push(entry: StackEntry): void {
    this.#stack.push(entry)
  }

  pop(): StackEntry {
    const entry = this.#stack.pop()
    if (entry === undefined) throw new Error(`the pickle takes more than it put down, at byte ${this.#at}`)
    return entry
  }

  popValue(): PickleValue {
    const entry = this.pop()
    if (entry instanceof Mark || entry instanceof ClassName)
      throw new Error(`the pickle has no value where one must be, at byte ${this.#at}`)
    return entry
  }

  /** What stands above the newest mark; the mark goes too. */
  popToMark(): PickleValue[] {
    const start = this.#stack.lastIndexOf(mark)
    if (start === -1) throw new Error(`the pickle has no mark where one must be, at byte ${this.#at}`)
    const values = this.#stack.splice(start).slice(1)
    if (values.some((value) => value instanceof ClassName))
      throw new Error(`the pickle has no value where one must be, at byte ${this.#at}`)
    return values as PickleValue[]
  }

  top(): StackEntry {
    const entry = this.pop()
    this.push(entry)
    return entry
  }

  remember(index: number): void {
    this.#memo.set(index, this.top())
  }

  memoize(): void {
    this.remember(this.#memo.size)
  }

  recall(index: number): void {
    const entry = this.#memo.get(index)
    if (entry === undefined) throw new Error(`the pickle recalls what it did not keep, at byte ${this.#at}`)
    this.push(entry)
  }

  /** Puts keys and values, in turns, into the dictionary on top. */
  setItems(items: PickleValue[]): void {
    const target = this.top()
    if (!(target instanceof Map) || items.length % 2 !== 0)
      throw new Error(`the pickle fills what is no dictionary, at byte ${this.#at}`)
    for (let index = 0; index < items.length; index += 2) target.set(items[index]!, items[index + 1]!)
  }

  append(items: PickleValue[]): void {
    const target = this.top()
    if (!Array.isArray(target)) throw new Error(`the pickle fills what is no list, at byte ${this.#at}`)
    for (const item of items) target.push(item)
  }

  /** Attributes of an object. */
  build(): void {
    const state = this.popValue()
    if (!(state instanceof Map)) throw new Error(`the pickle has odd attributes, at byte ${this.#at}`)
    this.setItems([...state].flat())
  }

  /** An object of a class that is not looked at, made of arguments that are not either. */
  newObject(): void {
    this.popValue()
    if (!(this.pop() instanceof ClassName))
      throw new Error(`the pickle makes an object of no class, at byte ${this.#at}`)
    this.push(new Map())
  }

  /** A whole number of any length; only those that a double holds exactly can be an id or a label. */
  long(size: number): void {
    let value = 0n
    const bytes = this.take(size)
    for (const byte of [...bytes].reverse()) value = (value << 8n) | BigInt(byte)
    const signed = Number(BigInt.asIntN(8 * size, value))
    if (size > 8 || !Number.isSafeInteger(signed))
      throw new Error(`the pickle has a number beyond 2^53, at byte ${this.#at}`)
    this.push(signed)
  }

  text(length: number): void {
    this.push(this.take(length).toString('utf8'))
  }
}

const stop = 0x2e

/** The opcodes of protocols 2 to 5 that dictionaries, lists, texts, numbers and plain objects take. */
const opcodes: ReadonlyMap<number, Opcode> = new Map<number, Opcode>([
  [0x80, (reader) => void reader.take(1)], // PROTO
  [0x95, (reader) => void reader.take(8)], // FRAME
  [0x28, (reader) => reader.push(mark)], // MARK
  [0x30, (reader) => void reader.pop()], // POP
  [0x4e, (reader) => reader.push(null)], // NONE
  [0x88, (reader) => reader.push(true)], // NEWTRUE
  [0x89, (reader) => reader.push(false)], // NEWFALSE
  [0x4a, (reader) => reader.push(reader.take(4).readInt32LE())], // BININT
  [0x4b, (reader) => reader.push(reader.uint(1))], // BININT1
  [0x4d, (reader) => reader.push(reader.uint(2))], // BININT2
  [0x8a, (reader) => reader.long(reader.uint(1))], // LONG1
  [0x47, (reader) => reader.push(reader.take(8).readDoubleBE())], // BINFLOAT
  [0x58, (reader) => reader.text(reader.uint(4))], // BINUNICODE
  [0x8c, (reader) => reader.text(reader.uint(1))], // SHORT_BINUNICODE
  [0x8d, (reader) => reader.text(reader.length8())], // BINUNICODE8
  [0x7d, (reader) => reader.push(new Map())], // EMPTY_DICT
  [0x5d, (reader) => reader.push([])], // EMPTY_LIST
  [0x29, (reader) => reader.push([])], // EMPTY_TUPLE
  [0x85, (reader) => reader.push([reader.popValue()])], // TUPLE1
  [0x86, (reader) => reader.push([reader.popValue(), reader.popValue()].reverse())], // TUPLE2
  [0x87, (reader) => reader.push([reader.popValue(), reader.popValue(), reader.popValue()].reverse())], // TUPLE3
  [0x74, (reader) => reader.push(reader.popToMark())], // TUPLE
  [0x73, (reader) => reader.setItems([reader.popValue(), reader.popValue()].reverse())], // SETITEM
  [0x75, (reader) => reader.setItems(reader.popToMark())], // SETITEMS
  [0x61, (reader) => reader.append([reader.popValue()])], // APPEND
  [0x65, (reader) => reader.append(reader.popToMark())], // APPENDS
  [0x71, (reader) => reader.remember(reader.uint(1))], // BINPUT
  [0x72, (reader) => reader.remember(reader.uint(4))], // LONG_BINPUT
  [0x94, (reader) => reader.memoize()], // MEMOIZE
  [0x68, (reader) => reader.recall(reader.uint(1))], // BINGET
  [0x6a, (reader) => reader.recall(reader.uint(4))], // LONG_BINGET
  [
    0x63, // GLOBAL: module and name, each on a line
    (reader) => {
      reader.line()
      reader.line()
      reader.push(className)
    },
  ],
  [
    0x93, // STACK_GLOBAL: module and name from the stack
    (reader) => {
      reader.popValue()
      reader.popValue()
      reader.push(className)
    },
  ],
  [0x81, (reader) => reader.newObject()], // NEWOBJ
  [0x62, (reader) => reader.build()], // BUILD
])
