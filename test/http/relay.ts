import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/**
 * A port of this machine whose connections go on to another one, and can be cut in between. It stays the same while
 * the server behind it comes and goes.
 */
export class Relay {
  readonly port: number
  /** Where connections go; a promise that is rejected refuses them. */
  target: Promise<number> = Promise.reject(new Error('nobody is there'))
  /** Told of what goes either way before it is passed on; `false` cuts the connection instead. */
  onRequest: (bytes: Buffer) => boolean = () => true
  onAnswer: (bytes: Buffer) => boolean = () => true
  /** Connections that were made so far. */
  connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor() {
    this.target.catch(() => undefined)
    this.#server = createServer((socket) => void this.#pass(socket))
    // Without a host it is bound at once, so that the port is known here.
    this.#server.listen(0)
    this.port = (this.#server.address() as AddressInfo).port
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #pass(near: Socket): Promise<void> {
    this.connections += 1
    this.#keep(near)
    const port = await this.target.catch(() => null)
    if (port === null) return void near.destroy()
    const far = connect(port, '127.0.0.1')
    this.#keep(far)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
    near.on('data', (bytes) => forward(far, near, bytes, this.onRequest))
    far.on('data', (bytes) => forward(near, far, bytes, this.onAnswer))
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    // A cut is what it is for.
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
  }
}

/** Passes bytes on, at the pace of whoever takes them. */
function forward(to: Socket, from: Socket, bytes: Buffer, mayPass: (bytes: Buffer) => boolean): void {
  if (!mayPass(bytes)) {
    to.destroy()
    from.destroy()
    return
  }
  if (to.write(bytes)) return
  from.pause()
  to.once('drain', () => from.resume())
}
