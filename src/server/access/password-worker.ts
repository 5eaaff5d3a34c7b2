/**
 * The thread that compares passwords with bcrypt hashes: a comparison computes for about a tenth of a second, for
 * which the event loop must not stand still.
 */
import { parentPort } from 'node:worker_threads'
import { compareSync } from 'bcryptjs'

/** What the thread is asked, and what it answers under the same number. */
export interface PasswordQuestion {
  number: number
  password: string
  hash: string
}
/** Whether the password is the one of the hash. */
export interface PasswordAnswer {
  number: number
  matches: boolean
}

parentPort?.on('message', ({ number, password, hash }: PasswordQuestion) => {
  parentPort?.postMessage({ number, matches: compareSync(password, hash) } satisfies PasswordAnswer)
})
