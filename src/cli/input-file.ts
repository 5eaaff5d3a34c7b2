import { readFileSync } from 'node:fs'
import { UsageError } from './failure.ts'

/** The text of a file that was named on the command line; `-` is standard input. */
export function readInput(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}.`)
  }
}
