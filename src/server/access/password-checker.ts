import { createHmac, randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { AnnalsError } from '../../errors.ts'
import type { PasswordAnswer, PasswordQuestion } from './password-worker.ts'

/** Comparisons that may wait: more are refused, so that guessing costs the guesser's time and not our memory. */
const waitingMax = 64
/** Verified passwords that are remembered. */
const rememberedMax = 1_000

/**
 * Compares passwords with bcrypt hashes in a thread of its own.
 *
 * What holds:
 * - A password that matched is remembered by a keyed digest, never as text, so each request but the first costs
 *   microseconds. What did not match is not remembered.
 * - The same question, asked again while it is being answered, is one comparison.
 * - The thread is started by the first question, and does not keep the process alive.
 */
export class PasswordChecker {
  readonly #key = randomBytes(32)
  /** Digests of password and hash that fit each other, the least recently used first. */
  readonly #matched = new Set<string>()
  readonly #asked = new Map<string, Promise<boolean>>()
  readonly #waiting = new Map<
    number,
    { resolve: (matches: boolean) => void; reject: (error: Error) => void }
  >()
  #worker: Worker | null = null
  #asking = 0

  /** Whether a password is the one that a hash was made of. Throws `busy` when too many are being compared. */
  async matches(password: string, hash: string): Promise<boolean> {
    const digest = createHmac('sha256', this.#key).update(`${hash}:${password}`).digest('base64')
    if (this.#matched.delete(digest)) {
      this.#matched.add(digest)
      return true
    }
    const asked = this.#asked.get(digest)
    if (asked !== undefined) return asked
    const asking = this.#compare(password, hash).finally(() => this.#asked.delete(digest))
    this.#asked.set(digest, asking)
    const matches = await asking
    if (matches) this.#remember(digest)
    return matches
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #remember(digest: string): void {
    this.#matched.add(digest)
    const [oldest] = this.#matched
    if (this.#matched.size > rememberedMax && oldest !== undefined) this.#matched.delete(oldest)
  }

  #compare(password: string, hash: string): Promise<boolean> {
    if (this.#waiting.size >= waitingMax)
      return Promise.reject(
        new AnnalsError('busy', 'Too many passwords are being compared.', {
          fate: 'not_written',
          hint: 'Try again in a second, or use a token.',
        }),
      )
    this.#worker ??= this.#start()
    const number = ++this.#asking
    this.#worker.postMessage({ number, password, hash } satisfies PasswordQuestion)
    return new Promise((resolve, reject) => this.#waiting.set(number, { resolve, reject }))
  }

  #start(): Worker {
    const worker = new Worker(new URL('./password-worker.js', import.meta.url), {
      execArgv: [],
      name: 'annals passwords',
    })
    worker.unref()
    worker.on('message', ({ number, matches }: PasswordAnswer) => {
      this.#waiting.get(number)?.resolve(matches)
      this.#waiting.delete(number)
    })
    worker.on('error', (cause) => this.#ended(cause))
    worker.on('exit', () => this.#ended(undefined))
    return worker
  }

  /** The next question starts another thread. */
  #ended(cause: unknown): void {
    this.#worker = null
    const error = new AnnalsError('internal', 'The thread that compares passwords has ended.', { cause })
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
