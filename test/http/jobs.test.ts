/** Long work over HTTP: silence tells that the server has gone, and empty lines that it has not. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { runJob } from '../../src/client/http/streams.ts'
import { Transport } from '../../src/client/http/transport.ts'
import { afterwards } from './support.ts'

/** The way to a server that answers everything as told. */
async function wayTo(answer: (response: ServerResponse) => unknown): Promise<Transport> {
  const server = createServer((_, response) => void answer(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterwards(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const address = { origin: `http://127.0.0.1:${port}`, headers: {}, timeoutMs: 5_000, retries: 0, ca: null }
  const transport = new Transport(address as never)
  afterwards(() => transport.close())
  return transport
}

/** What counts as silence here: a thread that does not get on for a second must not be taken for it. */
const silenceMs = 2_000
const beatMs = 200

const verify = { method: 'POST', path: '/api/v2/verify' } as const

test('a job whose server went silent is lost', async () => {
  const way = await wayTo((response) => response.write('{"progress":1}\n'))
  await expect(runJob(way, verify, {}, silenceMs)).rejects.toMatchObject({ code: 'connection_lost' })
})

test('a job whose server never began to answer has so long, too', async () => {
  const way = await wayTo(() => undefined)
  const repair = { ...verify, isWrite: true }
  await expect(runJob(way, repair, {}, 150)).rejects.toMatchObject({
    code: 'timed_out',
    fate: 'indeterminate',
  })
})

test('empty lines keep a job', async () => {
  const way = await wayTo(async (response) => {
    for (let toldMs = 0; toldMs < 1.5 * silenceMs; toldMs += beatMs) {
      response.write('\n')
      await wait(beatMs)
    }
    response.end('{"result":7}\n')
  })
  expect(await runJob(way, verify, {}, silenceMs)).toBe(7)
})
