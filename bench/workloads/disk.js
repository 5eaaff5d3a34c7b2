import { join } from 'node:path'
import { bytesBelow, megabytes } from '../harness.js'

/** What stands on the disk for the two collections, against their vectors alone. */
export const disk = {
  name: 'disk',
  describes: 'bytes on disk, by part',
  run: async ({ client, data, path }) => {
    await client.flush()
    const { disk: parts } = await client.stats()
    const raw = 2 * data.records * data.dimension * Float32Array.BYTES_PER_ELEMENT
    const figure = (name, bytes, target) => ({
      name,
      value: megabytes(bytes),
      baseline: `${megabytes(raw)} raw vectors`,
      ratio: bytes / raw,
      target,
    })
    return [
      figure('disk: log', parts.log),
      figure('disk: metadata', parts.metadata),
      figure('disk: segments', parts.segments),
      figure('disk: all', bytesBelow(join(path)), 'at most 3 × after compaction'),
    ]
  },
}
