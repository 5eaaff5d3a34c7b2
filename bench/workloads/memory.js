import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { megabytes } from '../harness.js'

const probe = fileURLToPath(new URL('../memory-probe.js', import.meta.url))

/** Resident memory of a process of its own that has loaded one collection, against its vectors alone. */
export const memory = {
  name: 'memory',
  describes: 'resident memory with one collection loaded',
  run: async (context) => {
    const { data } = context
    await context.client.close()
    context.client = null
    const { stdout } = await promisify(execFile)(process.execPath, [probe, context.path, data.dimension])
    const { bare, loaded, vectors } = JSON.parse(stdout)
    const raw = data.records * data.dimension * Float32Array.BYTES_PER_ELEMENT
    const figure = (name, bytes, target) => ({
      name,
      value: megabytes(bytes),
      baseline: `${megabytes(raw)} raw vectors`,
      ratio: bytes / raw,
      target,
    })
    return [
      figure('memory of a process with one collection', loaded - bare, '2.6 × + 100 MB'),
      figure('memory that annals counts for it', vectors),
    ]
  },
}
