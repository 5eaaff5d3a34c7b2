import type { FolderOptions } from '../opening.ts'
import { Store } from '../store.ts'

interface Shared {
  opening: Promise<Store>
  clients: number
}

/**
 * The folders that are open in this process. LevelDB admits one opener; so clients of one folder share one
 * store, counted, and the last one to leave closes it.
 *
 * What holds: while a folder is being closed, its entry stays, so that whoever opens it next waits for that.
 */
const folders = new Map<string, Shared>()
const closing = new Map<string, Promise<void>>()

/** The open store of a folder; the options of the first opener count. */
export async function acquireStore(folder: string, options: FolderOptions): Promise<Store> {
  const shared = folders.get(folder) ?? begin(folder, options)
  shared.clients += 1
  try {
    const store = await shared.opening
    if (options.indexLater !== true) store.resumeIndexing()
    return store
  } catch (error) {
    // Somebody may have begun anew meanwhile.
    if (folders.get(folder) === shared) folders.delete(folder)
    throw error
  }
}

/** Gives up one claim; settles once the store is closed, if it was the last. */
export async function releaseStore(folder: string): Promise<void> {
  const shared = folders.get(folder)
  if (shared === undefined) return closing.get(folder)
  shared.clients -= 1
  if (shared.clients > 0) return
  folders.delete(folder)
  const done = shared.opening.then((store) => store.close()).finally(() => closing.delete(folder))
  closing.set(folder, done)
  await done
}

function begin(folder: string, options: FolderOptions): Shared {
  const before = closing.get(folder)?.catch(() => undefined) ?? Promise.resolve()
  const shared = { opening: before.then(() => Store.openFolder(folder, options)), clients: 0 }
  folders.set(folder, shared)
  return shared
}
