import { AnnalsError } from '../errors.ts'
import type { OperationLog } from '../log/operation-log.ts'
import { consistencySubtrees, inclusionSubtrees, type Subtree } from './merkle-proof.ts'
import type { ConsistencyProof, InclusionProof, TreeHead } from './proofs.ts'
import { TreeHashes } from './tree-hashes.ts'

export interface ProofOptions {
  /** The tree to prove against, by its number of operation records; default: the head. */
  size?: number
  /** Put salt and payload into the proof, so that it shows what was written, too; default false. */
  content?: boolean
}

/** Makes proofs from an open log. The first one reads the log once; see `TreeHashes`. */
export class Prover {
  readonly #log: OperationLog
  readonly #hashes: TreeHashes

  constructor(log: OperationLog) {
    this.#log = log
    this.#hashes = new TreeHashes(log)
  }

  /** The tree as it was at a position. Throws `position_not_reached`. */
  async head(size: number): Promise<TreeHead> {
    this.#checkReached(size)
    const root = size === this.#log.head ? this.#log.root : await this.#hashes.root(size)
    return { size, root: root.toString('hex') }
  }

  /** RFC 9162, 2.1.3.1. Throws `position_not_reached` unless 1 <= position <= size <= head. */
  async inclusion(position: number, options: ProofOptions = {}): Promise<InclusionProof> {
    const { size = this.#log.head, content = false } = options
    this.#checkReached(size)
    if (position < 1 || position > size) throw notIn(position, size)
    const { storeId, epoch } = this.#log
    const { value: found } = await this.#log.leaves({ after: position - 1, until: position }).next()
    const { leaf, header, content: salted } = found!
    const { root } = await this.head(size)
    return {
      kind: 'inclusion',
      version: 1,
      storeId,
      epoch,
      position,
      size,
      root,
      leaf: leaf.toString('hex'),
      header: header.toString('hex'),
      content: content ? (salted?.toString('hex') ?? null) : null,
      path: await this.#path(inclusionSubtrees(position - 1, size)),
    }
  }

  /** RFC 9162, 2.1.4.1. Throws `position_not_reached` unless from <= to <= head. */
  async consistency(from: number, to: number): Promise<ConsistencyProof> {
    this.#checkReached(to)
    if (from > to) throw notIn(from, to)
    const { storeId, epoch } = this.#log
    const path = await this.#path(consistencySubtrees(from, to))
    const [first, second] = [await this.head(from), await this.head(to)]
    return { kind: 'consistency', version: 1, storeId, epoch, from: first, to: second, path }
  }

  async #path(subtrees: Subtree[]): Promise<string[]> {
    const path: string[] = []
    for (const subtree of subtrees) path.push((await this.#hashes.hash(subtree)).toString('hex'))
    return path
  }

  #checkReached(size: number): void {
    if (size > this.#log.head) throw notIn(size, this.#log.head)
  }
}

function notIn(position: number, size: number): AnnalsError {
  return new AnnalsError(
    'position_not_reached',
    `Position ${position} is not in the tree of ${size} records.`,
  )
}
