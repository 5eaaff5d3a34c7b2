/** Connections that break, servers that go and come: a write is there once, or it says that it may be. */
import { execFileSync } from 'node:child_process'
import { channel } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Change, type Collection, type ConnectionState, HttpClient } from '../../src/index.ts'
import { serve } from '../../src/server/index.ts'
import { refusalOf } from '../conformance/fixture.ts'
import { until } from '../support/until.ts'
import { afterwards, all, type Site, site, temporary } from './support.ts'

async function collection(place: Site): Promise<Collection> {
  const notes = await place.client().createCollection({ name: 'notes', embeddingFunction: null })
  await notes.add({ ids: ['first'], embeddings: [[0, 0]] })
  return notes
}

/** Cuts the connection of the next `count` requests that hold `text`, once the server has answered them. */
function loseAnswers(place: Site, text: string, count: number): void {
  let lost = 0
  let isArmed = false
  place.relay.onRequest = (bytes) => {
    isArmed ||= bytes.includes(text)
    return true
  }
  place.relay.onAnswer = () => {
    if (!isArmed || lost >= count) return true
    lost += 1
    isArmed = false
    return false
  }
}

describe('a server that comes and goes', () => {
  test('between calls is not noticed', async () => {
    const place = await site()
    const notes = await collection(place)
    await place.stop()
    await place.start()
    expect(await notes.count()).toBe(1)
    await place.stop()
    await place.start()
    expect(await notes.add({ ids: ['a'], embeddings: [[1, 1]] })).toMatchObject({ count: 1 })
    expect((await notes.get()).ids).toEqual(['first', 'a'])
  })

  test('is waited for a little', async () => {
    const place = await site()
    await collection(place)
    const notes = await place.client({ retries: 20 }).getCollection({ name: 'notes' })
    await place.stop()
    const before = place.relay.connections
    const adding = notes.add({ ids: ['a'], embeddings: [[1, 1]] })
    const counting = notes.count()
    await until(() => place.relay.connections >= before + 2)
    await place.start()
    expect(await adding).toMatchObject({ count: 1 })
    expect(await counting).toBeGreaterThan(0)
  })

  test('and stays away: the error says that nothing was written', async () => {
    const client = new HttpClient({ host: '127.0.0.1', port: await freePort(), retries: 1 })
    const read = await refusalOf(() => client.countCollections())
    expect(read).toMatchObject({ code: 'connection_failed', fate: undefined, status: 503 })
    expect(read.message).toMatch(/127\.0\.0\.1.*ECONNREFUSED/)
    expect(read.hint).toContain('port')
    const write = await refusalOf(() => client.createTenant({ name: 'acme' }))
    expect(write).toMatchObject({ code: 'connection_failed', fate: 'not_written' })
    await client.close()
  })

  test('a name that nobody has is not asked for again and again', async () => {
    const client = new HttpClient({ host: 'no-such-host.invalid', retries: 20 })
    let attempts = 0
    const count = () => {
      attempts += 1
    }
    const failed = channel('undici:client:connectError')
    failed.subscribe(count)
    expect(await refusalOf(() => client.open())).toMatchObject({ code: 'connection_failed' })
    failed.unsubscribe(count)
    expect(attempts).toBe(1)
    await client.close()
  })
})

describe('an answer that is lost', () => {
  test('after the write was done: it is repeated, and is there once', async () => {
    const place = await site()
    const notes = await collection(place)
    loseAnswers(place, '/upsert', 2)
    const receipt = await notes.upsert({ ids: ['a'], embeddings: [[1, 1]] })
    expect(receipt).toMatchObject({ position: 3, count: 1 })
    loseAnswers(place, '/delete', 1)
    expect(await notes.delete({ where: { none: { $ne: 1 } } })).toMatchObject({ position: 5, count: 2 })
    expect((await all(notes.changes())).map(({ type }) => type)).toEqual([
      'create-collection',
      'add',
      'add',
      'delete',
      'delete',
    ])
  })

  test('of a creation: the collection is the one that was created', async () => {
    const place = await site()
    const client = place.client()
    loseAnswers(place, 'POST ', 1)
    const made = await client.createCollection({ name: 'notes' })
    expect((await client.getCollection({ name: 'notes' })).id).toBe(made.id)
    expect((await client.stats()).head).toBe(1)
  })

  test('for good: the error says that the write may be there, and its key finds it', async () => {
    const place = await site()
    const notes = await collection(place)
    const key = { idempotencyKey: 'import-7' }
    loseAnswers(place, '/add', 99)
    const error = await refusalOf(() => notes.add({ ids: ['a'], embeddings: [[1, 1]] }, key))
    expect(error).toMatchObject({ code: 'connection_lost', fate: 'indeterminate' })
    loseAnswers(place, '/add', 0)
    expect(await notes.add({ ids: ['a'], embeddings: [[1, 1]] }, key)).toMatchObject({ position: 3 })
    expect(await notes.count()).toBe(2)
  })

  test('keeps later writes in their order', async () => {
    const place = await site()
    const notes = await collection(place)
    loseAnswers(place, '"n":0', 1)
    const writes = [0, 1, 2, 3, 4].map((n) =>
      notes.upsert({ ids: ['x'], embeddings: [[n, n]], metadatas: [{ n }] }),
    )
    const positions = (await Promise.all(writes)).map(({ position }) => position)
    expect(positions).toEqual([3, 4, 5, 6, 7])
    expect((await notes.get({ ids: ['x'] })).metadatas).toEqual([{ n: 4 }])
  })

  test('of a read: it is asked for again', async () => {
    const place = await site()
    const notes = await collection(place)
    loseAnswers(place, '/count', 3)
    expect(await notes.count()).toBe(1)
    loseAnswers(place, '/count', 4)
    expect(await refusalOf(() => notes.count())).toMatchObject({ code: 'connection_lost', fate: undefined })
  })

  test('in the middle of a stream is an error, never an end', async () => {
    const place = await site()
    const notes = await collection(place)
    await notes.add({
      ids: Array.from({ length: 2_000 }, (_, n) => `r${n}`),
      embeddings: Array.from({ length: 2_000 }, (_, n) => [n, n]),
    })
    let told = 0
    const reading = async () => {
      for await (const _ of place.client().log()) {
        told += 1
        if (told === 10) place.relay.cut()
      }
    }
    expect(await refusalOf(reading)).toMatchObject({ code: 'connection_lost' })
    expect(told).toBeLessThan(2_002)
  })

  test('of a job is not repeated: it may have been done', async () => {
    const place = await site()
    const notes = await collection(place)
    loseAnswers(place, '/reindex', 1)
    expect(await refusalOf(() => notes.reindex())).toMatchObject({
      code: 'connection_lost',
      fate: 'indeterminate',
    })
  })
})

describe('changes', () => {
  test('tell when the connection is lost and when it is back, once each', async () => {
    const place = await site()
    const notes = await collection(place)
    const told: (boolean | string)[] = []
    const stop = new AbortController()
    const onConnection = ({ connected, error }: ConnectionState) => void told.push(error?.code ?? connected)
    for await (const { position } of notes.changes({ live: true, signal: stop.signal, onConnection })) {
      if (position === 2) {
        expect(told).toEqual([])
        await place.stop()
        // Nobody reads meanwhile: the feed looks for the server when it is asked for the next change.
        void place.start().then(() => notes.add({ ids: ['later'], embeddings: [[1, 1]] }))
      }
      if (position === 3) stop.abort()
    }
    expect(told).toEqual(['connection_lost', true])
  })

  test('go on over restarts, each once, in order', async () => {
    const place = await site()
    const notes = await collection(place)
    const stop = new AbortController()
    const seen: Change[] = []
    const reading = (async () => {
      for await (const change of notes.changes({ live: true, signal: stop.signal })) {
        seen.push(change)
        if (change.position === 32) stop.abort()
      }
    })()
    for (let n = 0; n < 30; n++) {
      await notes.add({ ids: [`r${n}`], embeddings: [[n, n]] })
      if (n % 10 === 5) {
        await place.stop()
        await place.start()
      }
      if (n % 10 === 8) place.relay.cut()
    }
    await reading
    expect(seen.map(({ position }) => position)).toEqual(Array.from({ length: 32 }, (_, n) => n + 1))
  })

  test('that end go on over a cut, too', async () => {
    const place = await site()
    const notes = await collection(place)
    const ids = Array.from({ length: 3_000 }, (_, n) => `r${n}`)
    await notes.add({ ids, embeddings: ids.map((_, n) => [n, n]) })
    const seen: number[] = []
    for await (const { position } of notes.changes()) {
      seen.push(position)
      if (seen.length === 100) place.relay.cut()
    }
    expect(seen).toEqual(Array.from({ length: 3_002 }, (_, n) => n + 1))
  })

  test('end with the client that they come from', async () => {
    const place = await site()
    await collection(place)
    const client = place.client()
    const positions: number[] = []
    for await (const { position } of client.changes({ live: true })) {
      positions.push(position)
      if (position === 2) void client.close()
    }
    expect(positions).toEqual([1, 2])
  })

  test('end when the reader leaves, and the server hears of it', async () => {
    const place = await site()
    const notes = await collection(place)
    for await (const { position } of notes.changes({ live: true })) if (position === 2) break
    // A server that waited for the reader would not stop before its time, which is an hour here.
    await place.stop()
  })
})

describe('over TLS', () => {
  test('a certificate is trusted when it is given, and only then', async () => {
    const folder = temporary()
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const options = ['-newkey', 'rsa:2048', '-nodes', '-days', '1', '-keyout', key, '-out', cert]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    execFileSync('openssl', ['req', '-x509', ...options, ...subject], { stdio: 'ignore' })
    const ca = readFileSync(cert, 'utf8')
    const server = await serve({
      ephemeral: true,
      port: 0,
      tls: { cert: ca, key: readFileSync(key, 'utf8') },
    })
    afterwards(() => server.close())
    const trusting = new HttpClient({ port: server.port, ssl: true, ca })
    await trusting.open()
    await trusting.createTenant({ name: 'acme' })
    await trusting.close()
    const other = new HttpClient({ port: server.port, ssl: true, retries: 20 })
    const error = await refusalOf(() => other.createTenant({ name: 'acme' }))
    expect(error).toMatchObject({ code: 'connection_failed', fate: 'not_written' })
    expect(error.hint).toContain('ca')
    await other.close()
  })
})

describe('what the server will not take', () => {
  test('for its size is said to be too large, and is not there', async () => {
    const server = await serve({ ephemeral: true, port: 0 })
    afterwards(() => server.close())
    const client = new HttpClient({ host: '127.0.0.1', port: server.port })
    afterwards(() => client.close())
    const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
    const documents = Array.from({ length: 6 }, () => 'x'.repeat(8_000_000))
    const ids = documents.map((_, n) => `r${n}`)
    const error = await refusalOf(() => notes.add({ ids, embeddings: ids.map(() => [1, 1]), documents }))
    expect(error).toMatchObject({ code: 'limit_exceeded', fate: 'not_written', hint: 'Split the call.' })
    expect(await notes.count()).toBe(0)
  })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
