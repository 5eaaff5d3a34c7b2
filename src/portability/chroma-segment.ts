/**
 * The vectors of a collection as Chroma keeps them: hnswlib's index in four files, and a pickle that says which
 * id has which label.
 */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../errors.ts'
import { fileBytes, readFully } from '../files.ts'
import { limits } from '../limits.ts'
import { type PickleValue, parsePickle } from './pickle.ts'

/** What `header.bin` says; all numbers are little endian. */
interface Header {
  /** Slots in use. */
  slots: number
  slotBytes: number
  labelOffset: number
  vectorOffset: number
  dimension: number
}

const headerBytes = 100
const headerVersion = 1

/** Where the fields of `header.bin` stand. */
const at = { version: 0, slots: 20, slotBytes: 28, labelOffset: 36, vectorOffset: 44 } as const

/** How much of `data_level0.bin` is read at once. */
const scanBytes = 4_194_304

/**
 * One vector segment, read slot by slot. A segment that was never written to disk has no pickle, and holds
 * nothing; one that cannot be read says so for every vector that is asked for.
 */
export class ChromaSegment {
  readonly #labels: ReadonlyMap<string, number>
  /** Position in the queue up to which it is complete, as older versions of Chroma wrote it down. */
  readonly maxSeqId: number | null
  /** Why nothing of it can be read; `null` when all is well. */
  readonly problem: string | null
  readonly #header: Header | null
  readonly #slots: number
  readonly #lengths: number | null
  #slotsByLabel: Map<number, number> | null = null

  /**
   * @param folder where the files are; need not exist
   * @param cosine whether slots hold normalised vectors, and `length.bin` their lengths
   */
  constructor(folder: string, cosine: boolean) {
    const opened = openParts(folder, cosine)
    this.#labels = opened.labels
    this.maxSeqId = opened.maxSeqId
    this.problem = opened.problem
    this.#header = opened.header
    this.#slots = opened.slots
    this.#lengths = opened.lengths
  }

  has(id: string): boolean {
    return this.#labels.has(id)
  }

  /** The vector of an id, as Chroma answers it. Throws an `Error` that says what is wrong. */
  vector(id: string): Float32Array {
    const label = this.#labels.get(id)
    const header = this.#header
    if (this.problem !== null) throw new Error(this.problem)
    if (label === undefined || header === null)
      throw new Error('neither the index nor the queue has its vector')
    const guess = this.#readSlot(header, label - 1)
    const slot = guess?.label === label ? guess : this.#searchSlot(header, label)
    if (slot === null) throw new Error(`data_level0.bin has no slot with its label ${label}`)
    return this.#restore(slot)
  }

  close(): void {
    if (this.#slots >= 0) closeSync(this.#slots)
    if (this.#lengths !== null) closeSync(this.#lengths)
  }

  /** Labels are given in the order of the slots, unless a slot was used again. */
  #searchSlot(header: Header, label: number): Slot | null {
    this.#slotsByLabel ??= this.#scanLabels(header)
    const index = this.#slotsByLabel.get(label)
    return index === undefined ? null : this.#readSlot(header, index)
  }

  #readSlot(header: Header, index: number): Slot | null {
    if (index < 0 || index >= header.slots) return null
    const bytes = Buffer.alloc(header.slotBytes)
    if (readFully(this.#slots, bytes, index * header.slotBytes) < bytes.length) return null
    const vector = new Float32Array(header.dimension)
    for (let i = 0; i < vector.length; i++) vector[i] = bytes.readFloatLE(header.vectorOffset + 4 * i)
    return { index, label: Number(bytes.readBigUInt64LE(header.labelOffset)), vector }
  }

  #scanLabels(header: Header): Map<number, number> {
    const { slotBytes, labelOffset } = header
    const slotsByLabel = new Map<number, number>()
    const perRead = Math.max(1, Math.floor(scanBytes / slotBytes))
    const bytes = Buffer.alloc(perRead * slotBytes)
    for (let first = 0; first < header.slots; first += perRead) {
      const whole = Math.floor(readFully(this.#slots, bytes, first * slotBytes) / slotBytes)
      const count = Math.min(whole, header.slots - first)
      for (let slot = 0; slot < count; slot++)
        slotsByLabel.set(Number(bytes.readBigUInt64LE(slot * slotBytes + labelOffset)), first + slot)
    }
    return slotsByLabel
  }

  /** In cosine space: the normalised vector times its length, rounded to float32 as Chroma does. */
  #restore({ index, vector }: Slot): Float32Array {
    if (this.#lengths === null) return vector
    const bytes = Buffer.alloc(4)
    if (readFully(this.#lengths, bytes, 4 * index) < 4)
      throw new Error(`length.bin ends before its slot ${index}`)
    const length = bytes.readFloatLE()
    return vector.map((value) => value * length)
  }
}

interface Slot {
  index: number
  label: number
  vector: Float32Array
}

interface Parts {
  labels: ReadonlyMap<string, number>
  maxSeqId: number | null
  problem: string | null
  header: Header | null
  /** File descriptors; -1 for none. */
  slots: number
  lengths: number | null
}

const nothing: Parts = {
  labels: new Map(),
  maxSeqId: null,
  problem: null,
  header: null,
  slots: -1,
  lengths: null,
}

function openParts(folder: string, cosine: boolean): Parts {
  const pickle = join(folder, 'index_metadata.pickle')
  if (fileBytes(pickle) === null) return nothing
  let slots = -1
  try {
    const { labels, maxSeqId } = parseIds(parsePickle(readFileSync(pickle)))
    const header = readHeader(join(folder, 'header.bin'))
    slots = openSync(join(folder, 'data_level0.bin'), 'r')
    const lengths = cosine ? openSync(join(folder, 'length.bin'), 'r') : null
    return { labels, maxSeqId, problem: null, header, slots, lengths }
  } catch (error) {
    if (slots >= 0) closeSync(slots)
    return { ...nothing, problem: `the index cannot be read: ${messageOf(error)}` }
  }
}

function readHeader(path: string): Header {
  const bytes = readFileSync(path)
  if (bytes.length < headerBytes)
    throw new Error(`header.bin has ${bytes.length} bytes instead of ${headerBytes}`)
  const version = bytes.readInt32LE(at.version)
  if (version !== headerVersion) throw new Error(`header.bin is of version ${version}, not ${headerVersion}`)
  const number = (offset: number) => Number(bytes.readBigUInt64LE(offset))
  const slotBytes = number(at.slotBytes)
  const labelOffset = number(at.labelOffset)
  const vectorOffset = number(at.vectorOffset)
  const dimension = (labelOffset - vectorOffset) / 4
  const fits =
    Number.isInteger(dimension) &&
    dimension >= 1 &&
    dimension <= limits.dimensionMax &&
    vectorOffset >= 0 &&
    labelOffset + 8 <= slotBytes &&
    slotBytes <= 4 * limits.dimensionMax + 1_048_576
  if (!fits) throw new Error('the offsets in header.bin make no sense')
  return { slots: number(at.slots), slotBytes, labelOffset, vectorOffset, dimension }
}

/** The id map out of the pickle's value; Chroma's Python wrote an object with the same attributes. */
function parseIds(value: PickleValue): { labels: ReadonlyMap<string, number>; maxSeqId: number | null } {
  const labels = value instanceof Map ? value.get('id_to_label') : undefined
  if (!(value instanceof Map) || !(labels instanceof Map))
    throw new Error('index_metadata.pickle has no id_to_label')
  for (const [id, label] of labels)
    if (typeof id !== 'string' || typeof label !== 'number')
      throw new Error('index_metadata.pickle maps something else than ids to labels')
  const maxSeqId = value.get('max_seq_id')
  return {
    labels: labels as Map<string, number>,
    maxSeqId: typeof maxSeqId === 'number' ? maxSeqId : null,
  }
}
