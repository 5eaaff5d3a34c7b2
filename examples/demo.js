// The main job of an embedded store, on 399 real records: load, search, change, survive a kill, come back from
// the log alone, look into the past, back up and restore, prove, erase. Each claim is checked before it is
// printed; exits 1 when one fails.
//
//     npm run demo
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FeatureHashingEmbeddingFunction, PersistentClient } from 'annals'
import Database from 'better-sqlite3'
import { backUpAndRestore } from './demo/backup.js'
import { eraseAPerson } from './demo/erase.js'
import { columns, facts } from './demo/facts.js'
import { writeAndKill } from './demo/kill.js'
import { proveOneOperation } from './demo/prove.js'
import { claim, cut, fingerprint, heading, ms, neighbors, say, table, verdict } from './demo/show.js'

const place = mkdtempSync(join(tmpdir(), 'annals-demo-'))
const folder = join(place, 'store')
try {
  const moments = await loadSearchAndChange()
  await killAWriter()
  await deleteAllButTheLog(moments)
  await lookIntoThePast(moments)
  readWithSqlite()
  await backUpAndRestore(folder, place, moments)
  await proveOneOperation(folder, moments)
  await eraseAPerson(folder)
  verdict()
} finally {
  rmSync(place, { recursive: true, force: true })
}

async function loadSearchAndChange() {
  heading('Load')
  let start = performance.now()
  const client = new PersistentClient({ path: folder })
  const collection = await client.createCollection({
    name: 'facts',
    configuration: { hnsw: { space: 'cosine' } },
  })
  say(`opened ${folder} in ${ms(start)}; it is removed at the end`)
  start = performance.now()
  const receipt = await collection.add(columns(facts), { actor: 'demo', reason: 'first import' })
  say(`added ${receipt.count} facts in ${ms(start)}, embedded and durable; the log is at ${receipt.position}`)
  claim(`the collection holds ${facts.length} records`, (await collection.count()) === facts.length)

  await search(collection)
  const moments = await change(collection, receipt)
  await client.close()
  return moments
}

async function search(collection) {
  heading('Search')
  const helium = await collection.query({
    queryTexts: ['noble gas seen in the light of the Sun'],
    nResults: 3,
  })
  neighbors('by text: noble gas seen in the light of the Sun', helium)
  const [vector] = await new FeatureHashingEmbeddingFunction().generate(['metal that melts in the hand'])
  const gallium = await collection.query({ queryEmbeddings: [vector], nResults: 3 })
  neighbors('by vector: the embedding of "metal that melts in the hand"', gallium)
  const rivers = await collection.query({
    queryTexts: ['a long river in Asia'],
    nResults: 3,
    where: { $and: [{ length_km: { $gte: 4000 } }, { countries: { $contains: 'China' } }] },
  })
  neighbors('by text and metadata: length_km ≥ 4000, and countries (an array) contains China', rivers)
  const faraday = await collection.query({
    queryTexts: ['electricity'],
    nResults: 3,
    where: { topic: 'invention' },
    whereDocument: { $and: [{ $regex: '\\b18\\d\\d\\b' }, { $contains: 'electr' }] },
  })
  neighbors('by text and document: matches /\\b18\\d\\d\\b/, contains "electr"', faraday)
  claim(
    'helium and gallium come first',
    isFirst(helium, 'element-helium') && isFirst(gallium, 'element-gallium'),
  )
  claim('every river in that answer passes the filter', rivers.metadatas[0].every(isLongAndChinese))
  claim(
    'so does every document',
    faraday.documents[0].every((text) => /\b18\d\d\b/.test(text)),
  )
}

function isFirst(result, id) {
  return result.ids[0][0] === id
}

function isLongAndChinese({ length_km, countries }) {
  return length_km >= 4000 && countries.includes('China')
}

async function change(collection, imported) {
  heading('Change')
  const pluto = {
    ids: ['planet-pluto'],
    documents: ['Pluto is planet number 9 of the solar system, counted from the Sun.'],
    metadatas: [{ topic: 'planet', name: 'Pluto', order: 9, distance_au: 39.5 }],
  }
  const found = await collection.add(pluto, {
    actor: 'Clyde Tombaugh',
    reason: 'found on photographic plates',
  })
  const demoted = await collection.update(
    {
      ids: ['planet-pluto'],
      documents: ['Pluto is a dwarf planet beyond Neptune.'],
      metadatas: [{ topic: 'dwarf planet', order: null }],
    },
    { actor: 'IAU', reason: 'resolution B5 of 2006' },
  )
  const removed = await collection.delete(
    { where: { $and: [{ topic: 'element' }, { category: 'transactinide' }] } },
    { actor: 'demo', reason: 'nobody can hold these' },
  )
  table(
    ['write', 'operation records', 'log position'],
    [
      ['add     planet-pluto', found.count, found.position],
      ['update  planet-pluto', demoted.count, demoted.position],
      ['delete  where category is transactinide', removed.count, removed.position],
    ],
  )
  say()
  const left = facts.length + 1 - removed.count
  claim(`${left} records are left`, (await collection.count()) === left)
  return { imported: imported.position, ninePlanets: found.position, demoted: demoted.position }
}

async function killAWriter() {
  heading('Kill a process while it writes')
  const { begun, acknowledged, signal } = await writeAndKill(folder, 20)
  const newest = Math.max(...acknowledged.values())
  say('another process added batches of 100 records to a second collection, and was killed with SIGKILL')
  say(`begun: ${begun} batches    acknowledged: ${acknowledged.size}, up to position ${newest}`)
  say()
  const start = performance.now()
  const client = new PersistentClient({ path: folder })
  const journal = await client.getCollection({ name: 'journal' })
  say(`opened again in ${ms(start)}`)
  const perBatch = new Map()
  for (const id of (await journal.get({ include: [] })).ids) {
    const batch = Number.parseInt(id, 10)
    perBatch.set(batch, (perBatch.get(batch) ?? 0) + 1)
  }
  claim('the process died of the signal', signal === 'SIGKILL')
  const whole = [...acknowledged.keys()].every((batch) => perBatch.get(batch) === 100)
  claim(`every acknowledged batch is there, whole: ${acknowledged.size} × 100 records`, whole)
  const pending = begun > acknowledged.size ? (perBatch.get(begun) ?? 0) : 0
  const seen = pending === 0 ? 'none of its records is there' : `${pending} of its records are there`
  claim(`the batch that was not acknowledged is there whole or not at all: ${seen}`, pending % 100 === 0)
  claim('the log reaches as far as was acknowledged', (await client.stats()).head >= newest)
  await client.close()
}

/** Everything that the store answers, over records, vectors, filters, neighbours and the past. */
async function answers({ imported, ninePlanets }) {
  const start = performance.now()
  const client = new PersistentClient({ path: folder })
  const collection = await client.getCollection({ name: 'facts' })
  const journal = await client.getCollection({ name: 'journal' })
  const opened = ms(start)
  const all = { include: ['documents', 'embeddings', 'metadatas', 'uris'] }
  const question = { queryTexts: ['a metal that floats', 'volcano'], nResults: 20 }
  const given = {
    'all records and vectors': [await collection.get(all), await journal.get(all)],
    'neighbours, 2 queries': [await collection.query(question), await journal.query(question)],
    'neighbours, filtered': await collection.query({ ...question, where: { stable: true } }),
    'records as of the import': await collection.asOf(imported).get(all),
    'neighbours as of later': await collection.asOf(ninePlanets).query(question),
  }
  await client.close()
  return { opened, given: Object.entries(given).map(([what, answer]) => [what, fingerprint(answer)]) }
}

async function deleteAllButTheLog(moments) {
  heading('Delete everything but the log')
  const before = await answers(moments)
  const deleted = readdirSync(folder).filter((name) => name !== 'log')
  for (const name of deleted) rmSync(join(folder, name), { recursive: true })
  say(`deleted: ${deleted.join(', ')}; left: ${readdirSync(folder).join(', ')}`)
  const after = await answers(moments)
  say(`opened in ${before.opened} before; in ${after.opened} now, the log applied from its beginning`)
  say()
  const rows = before.given.map(([what, print], index) => [what, print, after.given[index][1]])
  table(['answers', 'SHA-256 before', 'SHA-256 after'], rows)
  say()
  claim(
    'every answer is the same',
    rows.every(([, print, again]) => print === again),
  )
}

async function lookIntoThePast({ ninePlanets }) {
  const client = new PersistentClient({ path: folder })
  const collection = await client.getCollection({ name: 'facts' })

  heading('Ask the same as of an earlier moment')
  const question = { queryTexts: ['planet far from the Sun'], nResults: 4, where: { topic: 'planet' } }
  const then = (await collection.asOf(ninePlanets).query(question)).rows()[0]
  const now = (await collection.query(question)).rows()[0]
  const cell = (row) => `${row.distance.toFixed(3)}  ${row.id}`
  table(
    [`as of position ${ninePlanets}`.padEnd(30), 'now'],
    then.map((row, index) => [cell(row), cell(now[index])]),
  )
  say()
  const planets = { where: { topic: 'planet' }, include: [] }
  const counts = [
    (await collection.asOf(ninePlanets).get(planets)).ids.length,
    (await collection.get(planets)).ids.length,
  ]
  claim(`planets then and now: ${counts.join(' and ')}`, counts[0] === 9 && counts[1] === 8)

  heading('The history of one record')
  const versions = []
  for await (const version of collection.history('planet-pluto')) versions.push(version)
  for (const { position, type, committedAt, actor, reason, before, after } of versions) {
    say(`${position}  ${type.padEnd(6)}  ${committedAt.toISOString()}  ${actor}: ${reason}`)
    for (const line of differences(before, after)) console.log(cut(`       ${line}`, 100))
  }
  say()
  const actors = versions.map(({ actor }) => actor).join(', ')
  claim(`who changed it, in order: ${actors}`, actors === 'Clyde Tombaugh, IAU')
  await client.close()
}

/** What differs between two versions of a record, one line for each part. */
function differences(before, after) {
  const parts = ({ document, metadata } = {}) => ({ document, ...metadata })
  const [old, fresh] = [parts(before ?? undefined), parts(after ?? undefined)]
  return Object.keys({ ...old, ...fresh })
    .filter((key) => JSON.stringify(old[key]) !== JSON.stringify(fresh[key]))
    .map((key) => `${key.padEnd(12)} ${show(old[key])} → ${show(fresh[key])}`)
}

function show(value) {
  return value === undefined ? '∅' : cut(JSON.stringify(value), 37)
}

function readWithSqlite() {
  heading('Read the derived tables with any SQLite tool')
  say("SELECT id, key, element, … FROM embedding_metadata WHERE id = 'river-mekong'")
  say()
  const db = new Database(join(folder, 'metadata.sqlite3'), { readonly: true })
  const rows = db.prepare("SELECT * FROM embedding_metadata WHERE id = 'river-mekong'").all()
  db.close()
  const names = ['id', 'key', 'element', 'string_value', 'int_value']
  table(
    names,
    rows.map((row) => names.map((name) => row[name])),
  )
  say()
  const { metadata } = facts.find(({ id }) => id === 'river-mekong')
  claim(
    'a row for each key, and for each element of an array',
    rows.length === Object.values(metadata).flat().length,
  )
}
