/** Segments that a fork has in common with its source: one file on the disk under two names. */
import { mkdirSync } from 'node:fs'
import { copyFile, link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder, temporarySuffix } from '../files.ts'

interface Range {
  first_label: number
  next_label: number
}

/**
 * Those of a source's segments that can serve a fork: from the first label on without a gap, as far as they hold
 * no label that the source gave out after the fork was taken. Pure; `segments` are in label order.
 */
export function shareable<S extends Range>(segments: readonly S[], inherited: number): S[] {
  const shared: S[] = []
  for (const segment of segments) {
    const begins = shared.at(-1)?.next_label ?? 0
    if (segment.first_label !== begins || segment.next_label > inherited) break
    shared.push(segment)
  }
  return shared
}

/**
 * Gives files a second name, durably; where the file system refuses that, copies them. A segment file never
 * changes in place, so neither name's owner can disturb the other.
 */
export async function shareFiles(files: readonly { from: string; to: string }[]): Promise<void> {
  for (const { from, to } of files) {
    mkdirSync(dirname(to), { recursive: true })
    await rm(to, { force: true })
    await link(from, to).catch(() => copyDurably(from, to))
  }
  for (const folder of new Set(files.map(({ to }) => dirname(to)))) {
    syncFolder(folder)
    syncFolder(dirname(folder))
  }
}

async function copyDurably(from: string, to: string): Promise<void> {
  const temporary = to + temporarySuffix
  await copyFile(from, temporary)
  const file = await open(temporary, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, to)
}
