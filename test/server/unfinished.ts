import { connect, type Socket } from 'node:net'
import { afterEach } from 'vitest'
import { until } from '../support/until.ts'

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/**
 * A request that the server has begun to read, and of which the last byte is still to come; `finish` sends it and
 * answers what came back.
 */
export async function unfinished(
  url: string,
  path: string,
  body: string,
): Promise<{ finish: () => Promise<string> }> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  sockets.push(socket)
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(answer)))
  socket.on('error', () => undefined)
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json`
  const length = `Expect: 100-continue\r\nContent-Length: ${Buffer.byteLength(body)}`
  socket.write(`${head}\r\n${length}\r\n\r\n${body.slice(0, -1)}`)
  const goOn = 'HTTP/1.1 100 Continue\r\n\r\n'
  await until(() => answer === goOn)
  answer = ''
  return {
    finish: () => {
      socket.write(body.slice(-1))
      return closed
    },
  }
}
