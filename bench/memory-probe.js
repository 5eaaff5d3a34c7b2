/**
 * A process that opens the store in its first argument, queries it once, and prints what memory that took.
 */
import { PersistentClient } from 'annals'

const [path, dimension] = process.argv.slice(2)
const bare = process.memoryUsage.rss()
const client = new PersistentClient({ path })
const collection = await client.getCollection({ name: 'one-segment', embeddingFunction: null })
await collection.query({ queryEmbeddings: [new Float32Array(Number(dimension)).fill(0.1)] })
const { vectorMemoryBytes } = await client.stats()
console.log(JSON.stringify({ bare, loaded: process.memoryUsage.rss(), vectors: vectorMemoryBytes }))
await client.close()
