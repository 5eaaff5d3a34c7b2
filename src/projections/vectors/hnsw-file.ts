/**
 * The file that hnswlib writes (v0.8.0, `HierarchicalNSW::saveIndex`, as bundled with hnswlib-node 3.0.0), read
 * without hnswlib. hnswlib believes every number in the file and walks off its memory when one is wrong, so a
 * file goes to it only after `checkHnswFile` has found nothing, be its digest as good as it may.
 *
 * Little-endian; `size_t` has 8 bytes. A file is
 *
 *     header          96 bytes: the fields of `HnswHeader`, in their order
 *     elements        for each element, `elementBytes`:
 *                       u32 number of links (upper half: delete marks, never set in a segment),
 *                       u32 × maxM0 links, f32 × dimension vector, u64 label
 *     upper layers    for each element: u32 bytes that follow, then for each layer above the ground
 *                       u32 number of links, u32 × maxM links
 *
 * All parts are multiples of 4 bytes, so the file is also an array of 32-bit words.
 */
import type { Space } from '../../types.ts'
import type { VectorTable } from './distance.ts'

/** hnswlib draws each element's number of layers from a generator with this seed; segments depend on it. */
export const graphSeed = 100

/** The header of the file, in the order of its fields. */
export interface HnswHeader {
  readonly offsetLevel0: number
  readonly maxElements: number
  readonly count: number
  /** hnswlib's size_data_per_element. */
  readonly elementBytes: number
  readonly labelOffset: number
  readonly vectorOffset: number
  readonly maxLevel: number
  readonly enterPoint: number
  readonly maxM: number
  readonly maxM0: number
  readonly M: number
  readonly mult: number
  readonly efConstruction: number
}

/** What a segment's file must hold. */
export interface HnswExpectation {
  readonly dimension: number
  readonly count: number
  /** Labels ascend and stand in [firstLabel, nextLabel); `count` may be all of them or fewer. */
  readonly firstLabel: number
  readonly nextLabel: number
  /** Known to those who build, not to those who load. */
  readonly maxNeighbors?: number
  readonly efConstruction?: number
}

/** What a file holds. */
export interface HnswVectors {
  /** In file order, which is label order. */
  readonly labels: Uint32Array
  /** The vector of each label, row after row, on a `SharedArrayBuffer`. */
  readonly matrix: Float32Array
}

const headerBytes = 96
const headerWords = headerBytes / 4
const wordBytes = 4
const labelBytes = 8
/** Elements that a check looks at before it lets others have the thread: about a millisecond. */
const elementsPerStep = 2048
/** hnswlib cuts M here; and 1 / ln(M) needs 2. */
const neighborsMin = 2
const neighborsMax = 10_000

/**
 * The name under which hnswlib-node knows the space. Cosine graphs are inner-product graphs on vectors that
 * `normalise` has normalised: hnswlib-node's `cosine` would normalise them once more and change their bits, and
 * how it rounds depends on the compiler that built it.
 */
export function graphSpace(space: Space): 'l2' | 'ip' {
  return space === 'l2' ? 'l2' : 'ip'
}

/** Reads the header as it stands, unchecked; `null` when the file is shorter than one. */
export function readHeader(bytes: Uint8Array): HnswHeader | null {
  if (bytes.byteLength < headerBytes) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes)
  const size = (at: number): number => Number(view.getBigUint64(at, true))
  return {
    offsetLevel0: size(0),
    maxElements: size(8),
    count: size(16),
    elementBytes: size(24),
    labelOffset: size(32),
    vectorOffset: size(40),
    maxLevel: view.getInt32(48, true),
    enterPoint: view.getUint32(52, true),
    maxM: size(56),
    maxM0: size(64),
    M: size(72),
    mult: view.getFloat64(80, true),
    efConstruction: size(88),
  }
}

/**
 * What is wrong with the file, in words; `null` when hnswlib can load and search it safely.
 * `checkInSteps` is the same for those who must not hold the thread.
 */
export function checkHnswFile(bytes: Uint8Array, expected: HnswExpectation): string | null {
  const steps = checkInSteps(bytes, expected)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** `checkHnswFile`, handing the thread back about once a millisecond. */
export function* checkInSteps(bytes: Uint8Array, expected: HnswExpectation): Generator<void, string | null> {
  const header = readHeader(bytes)
  if (header === null) return `it has ${bytes.byteLength} bytes, fewer than a header`
  const reason = headerReason(header, expected) ?? sizeReason(bytes, header)
  if (reason !== null) return reason
  const words = wordsOf(bytes)
  const layers = upperLayers(words, header)
  if (typeof layers === 'string') return layers
  const { levels, starts } = layers
  if (levels[header.enterPoint] !== header.maxLevel)
    return `its enter point has ${levels[header.enterPoint]} upper layers, not ${header.maxLevel}`
  const graph: Graph = { words, header, levels, starts }
  let label = expected.firstLabel - 1
  for (let element = 0; element < header.count; element++) {
    if (element % elementsPerStep === elementsPerStep - 1) yield
    const links = linksReason(graph, element)
    if (links !== null) return links
    const at = headerWords + (element * header.elementBytes + header.labelOffset) / wordBytes
    const next = words[at]!
    if (words[at + 1] !== 0 || next <= label || next >= expected.nextLabel)
      return `element ${element} has a label out of order or out of range`
    label = next
  }
  return null
}

/**
 * Reads labels and vectors of a file in which `checkHnswFile` found nothing, handing the thread back after every
 * few vectors.
 */
export function* readVectorsInSteps(bytes: Uint8Array, dimension: number): Generator<void, HnswVectors> {
  const vectors = emptyVectors(bytes, dimension)
  const count = vectors.labels.length
  for (let from = 0; from < count; from += elementsPerStep) {
    copyVectors(bytes, dimension, vectors, from, Math.min(count, from + elementsPerStep))
    yield
  }
  return vectors
}

/**
 * The first element that is not, bit for bit, the table's row of the same number; -1 when all are. For a file in
 * which `checkHnswFile` found nothing.
 */
export function firstDifference(bytes: Uint8Array, table: Omit<VectorTable, 'space' | 'count'>): number {
  const { matrix, dimension, firstLabel, labels } = table
  const { count, elementBytes, vectorOffset, labelOffset } = readHeader(bytes)!
  const words = wordsOf(bytes)
  const rows = new Uint32Array(matrix.buffer, matrix.byteOffset, count * dimension)
  for (let element = 0; element < count; element++) {
    const at = headerWords + (element * elementBytes) / wordBytes
    const label = labels === null ? firstLabel + element : labels[element]
    if (words[at + labelOffset / wordBytes] !== label) return element
    const vector = at + vectorOffset / wordBytes
    const row = element * dimension
    for (let i = 0; i < dimension; i++) if (words[vector + i] !== rows[row + i]) return element
  }
  return -1
}

/** Label and vector of one element, without a copy; for a file in which `checkHnswFile` found nothing. */
export function elementOf(
  bytes: Uint8Array,
  dimension: number,
  element: number,
): { label: number; vector: Float32Array } {
  const { elementBytes, vectorOffset, labelOffset } = readHeader(bytes)!
  const words = wordsOf(bytes)
  const at = headerWords + (element * elementBytes) / wordBytes
  const vectorAt = words.byteOffset + (at + vectorOffset / wordBytes) * wordBytes
  return {
    label: words[at + labelOffset / wordBytes]!,
    vector: new Float32Array(words.buffer, vectorAt, dimension),
  }
}

interface Graph {
  readonly words: Uint32Array
  readonly header: HnswHeader
  /** For each element, its number of layers above the ground. */
  readonly levels: Uint8Array
  /** For each element, the word at which its upper layers begin. */
  readonly starts: Float64Array
}

function elementBytesOf(dimension: number, maxM0: number): number {
  return wordBytes + maxM0 * wordBytes + dimension * wordBytes + labelBytes
}

function layerBytesOf(maxM: number): number {
  return wordBytes + maxM * wordBytes
}

/** The file as 32-bit words; copied only when it does not begin at a multiple of 4 in its buffer. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % wordBytes === 0 ? bytes : new Uint8Array(bytes)
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / wordBytes)
}

function headerReason(header: HnswHeader, expected: HnswExpectation): string | null {
  const { M, count } = header
  if (!(M >= neighborsMin && M <= neighborsMax)) return `M is ${M}`
  const vectorOffset = wordBytes + 2 * M * wordBytes
  const wanted: [name: string, found: number, value: number][] = [
    ['the number of elements', count, expected.count],
    ['max_elements', header.maxElements, expected.count],
    ['maxM', header.maxM, M],
    ['maxM0', header.maxM0, 2 * M],
    ['offsetLevel0', header.offsetLevel0, 0],
    ['offsetData', header.vectorOffset, vectorOffset],
    ['label_offset', header.labelOffset, vectorOffset + expected.dimension * wordBytes],
    ['size_data_per_element', header.elementBytes, elementBytesOf(expected.dimension, 2 * M)],
    ['M', M, expected.maxNeighbors ?? M],
    ['ef_construction', header.efConstruction, Math.max(expected.efConstruction ?? header.efConstruction, M)],
  ]
  for (const [name, found, value] of wanted) if (found !== value) return `${name} is ${found}, not ${value}`
  // The logarithm may differ in its last bit between C and JavaScript.
  if (!(Math.abs(header.mult * Math.log(M) - 1) < 1e-9)) return `mult is ${header.mult}`
  if (count < 1) return 'it holds no elements'
  if (header.enterPoint >= count) return `its enter point is ${header.enterPoint} of ${count} elements`
  if (header.maxLevel < 0) return `its highest layer is ${header.maxLevel}`
  return null
}

function sizeReason(bytes: Uint8Array, header: HnswHeader): string | null {
  const least = headerBytes + header.count * (header.elementBytes + wordBytes)
  if (bytes.byteLength < least) return `it has ${bytes.byteLength} bytes, fewer than ${least}`
  return bytes.byteLength % wordBytes === 0 ? null : `it has ${bytes.byteLength} bytes, no multiple of 4`
}

/** Walks over the sizes of the upper layers: they must end where the file ends. */
function upperLayers(words: Uint32Array, header: HnswHeader): string | Pick<Graph, 'levels' | 'starts'> {
  const { count } = header
  const layerBytes = layerBytesOf(header.maxM)
  const levels = new Uint8Array(count)
  const starts = new Float64Array(count)
  let at = headerWords + (count * header.elementBytes) / wordBytes
  for (let element = 0; element < count; element++) {
    const bytes = words[at]
    if (bytes === undefined) return `it ends before the upper layers of element ${element}`
    const level = bytes / layerBytes
    if (!Number.isInteger(level) || level > header.maxLevel || level > 255)
      return `element ${element} has upper layers of ${bytes} bytes`
    levels[element] = level
    starts[element] = at + 1
    at += 1 + bytes / wordBytes
  }
  if (at !== words.length) return `it has ${words.length * wordBytes} bytes, not ${at * wordBytes}`
  return { levels, starts }
}

/** Links must lead to other elements that have the layer, and fit into their list. */
function linksReason(graph: Graph, element: number): string | null {
  const { header, levels, starts } = graph
  const ground = headerWords + (element * header.elementBytes) / wordBytes
  if (!linksFit(graph, element, ground, header.maxM0, 0)) return `element ${element} has a bad link`
  const layerWords = layerBytesOf(header.maxM) / wordBytes
  for (let layer = 1; layer <= levels[element]!; layer++) {
    const at = starts[element]! + (layer - 1) * layerWords
    if (!linksFit(graph, element, at, header.maxM, layer))
      return `element ${element} has a bad link in layer ${layer}`
  }
  return null
}

function linksFit(graph: Graph, element: number, at: number, linksMax: number, layer: number): boolean {
  const { words, levels, header } = graph
  const links = words[at]!
  if (links > linksMax) return false
  for (let i = 1; i <= links; i++) {
    const other = words[at + i]!
    if (other >= header.count || other === element || levels[other]! < layer) return false
  }
  return true
}

function emptyVectors(bytes: Uint8Array, dimension: number): HnswVectors {
  const { count } = readHeader(bytes)!
  const matrix = new Float32Array(new SharedArrayBuffer(count * dimension * Float32Array.BYTES_PER_ELEMENT))
  return { labels: new Uint32Array(count), matrix }
}

function copyVectors(
  bytes: Uint8Array,
  dimension: number,
  into: HnswVectors,
  from: number,
  to: number,
): void {
  const { elementBytes, vectorOffset, labelOffset } = readHeader(bytes)!
  const words = wordsOf(bytes)
  const values = new Float32Array(words.buffer, words.byteOffset, words.length)
  for (let element = from; element < to; element++) {
    const at = headerWords + (element * elementBytes) / wordBytes
    const vector = at + vectorOffset / wordBytes
    into.matrix.set(values.subarray(vector, vector + dimension), element * dimension)
    into.labels[element] = words[at + labelOffset / wordBytes]!
  }
}
