/** Verification away from any store: what is trusted comes from a checkpoint. */
import { existsSync } from 'node:fs'
import type { Checkpoint, TreeHead } from '../index.ts'
import { UsageError } from './failure.ts'
import { readInput } from './input-file.ts'

/** What a note says, if the key has signed it; `null` if not. The key is a PEM file or a verifier key. */
export async function trustedCheckpoint(
  file: string,
  publicKey: string | undefined,
): Promise<Checkpoint | null> {
  if (publicKey === undefined)
    throw new UsageError('By which key? A note without one proves nothing.', 'Add --public-key.')
  const { verifyCheckpoint } = await import('../index.ts')
  return verifyCheckpoint(readInput(file), existsSync(publicKey) ? readInput(publicKey) : publicKey)
}

/** A tree head as it is typed: `SIZE:ROOT`. */
export function treeHead(text: string): TreeHead {
  const [, size, root] = /^(\d+):([0-9a-f]{64})$/i.exec(text) ?? []
  if (size === undefined || root === undefined)
    throw new UsageError(
      `${text} is no tree head.`,
      'Give size and root, as annals checkpoint prints them: SIZE:ROOT.',
    )
  return { size: Number(size), root: root.toLowerCase() }
}
