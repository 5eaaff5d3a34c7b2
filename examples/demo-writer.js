// The process that the demo kills: writes batch after batch without a pause, and says on its standard output
// which batch it begins and which one the store has acknowledged, and at which position.
import { writeSync } from 'node:fs'
import { FeatureHashingEmbeddingFunction, PersistentClient } from 'annals'
import { columns, facts } from './demo/facts.js'

const [folder] = process.argv.slice(2)
const batchSize = 100
const batchesMax = 2_000

const tell = (message) => writeSync(1, `${JSON.stringify(message)}\n`)

const records = columns(facts.slice(0, batchSize))
// Embedded once and beforehand, so that the process does nothing but write when the signal comes.
const embeddings = await new FeatureHashingEmbeddingFunction().generate(records.documents)

const client = new PersistentClient({ path: folder })
const journal = await client.getOrCreateCollection({ name: 'journal' })
for (let batch = 1; batch <= batchesMax; batch++) {
  tell({ begun: batch })
  const ids = records.ids.map((id) => `${batch}/${id}`)
  const { position } = await journal.add({ ...records, ids, embeddings }, { actor: 'demo-writer' })
  tell({ acknowledged: batch, position })
}
await client.close()
