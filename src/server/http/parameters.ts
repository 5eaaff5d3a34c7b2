import { AnnalsError, show } from '../../errors.ts'
import type { Point } from '../../types.ts'
import { parsePoint } from '../../wire/point.ts'
import { wrongValue } from './http-error.ts'

/** Largest value of Chroma's 32-bit numbers. */
const uint32Max = 0xffff_ffff

/** The query parameters of one request. What does not fit is a 400 that names the parameter. */
export class Parameters {
  readonly #given: Readonly<Record<string, unknown>>

  readonly #tags: boolean

  /** `tags`: whether points may be named by tags, which belong to the whole store. */
  constructor(given: unknown, { tags }: { tags: boolean }) {
    this.#given = (given ?? {}) as Record<string, unknown>
    this.#tags = tags
  }

  /** Refuses parameters that are not listed: an option that would be ignored is an error. */
  only(known: readonly string[]): void {
    const unknown = Object.keys(this.#given).find((name) => !known.includes(name))
    if (unknown === undefined) return
    const hint = known.length === 0 ? 'There are none here.' : `Known are: ${known.join(', ')}.`
    throw new AnnalsError('unsupported_option', `The query parameter ${show(unknown)} is not known.`, {
      hint,
    })
  }

  text(name: string): string | undefined {
    const value = this.#given[name]
    if (value === undefined || typeof value === 'string') return value
    throw wrongValue(`${name}: may be given once`)
  }

  /** All values of a parameter that may be repeated. */
  texts(name: string): string[] | undefined {
    const value = this.#given[name]
    if (value === undefined) return undefined
    return (Array.isArray(value) ? value : [value]) as string[]
  }

  required(name: string): string {
    const value = this.text(name)
    if (value !== undefined) return value
    throw wrongValue(`${name}: is missing`)
  }

  integer(name: string, max: number = Number.MAX_SAFE_INTEGER): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (/^\+?\d+$/.test(text) && value <= max) return value
    throw wrongValue(`${name}: must be a whole number from 0 to ${max}, got ${show(text)}`)
  }

  /** One of Chroma's unsigned 32-bit numbers. */
  uint32(name: string): number | undefined {
    return this.integer(name, uint32Max)
  }

  flag(name: string): boolean | undefined {
    return this.oneOf(name, ['true', 'false']) === undefined ? undefined : this.text(name) === 'true'
  }

  oneOf<T extends string>(name: string, known: readonly T[]): T | undefined {
    const text = this.text(name)
    const found = known.find((each) => each === text)
    if (text === undefined || found !== undefined) return found
    throw wrongValue(`${name}: must be one of ${known.join(', ')}, got ${show(text)}`)
  }

  /** A position, an instant, or a tag where the caller may see them; else `forbidden`, whether there is such a tag or not. */
  point(name: string): Point | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const point = parsePoint(text)
    if (this.#tags || typeof point !== 'string') return point
    throw new AnnalsError(
      'forbidden',
      `${name}: tags belong to the whole store, which is not for you to see.`,
      {
        hint: 'Give a position (123) or an ISO 8601 date or date-time (2026-03-01T12:00:00Z).',
      },
    )
  }

  requiredPoint(name: string): Point {
    this.required(name)
    return this.point(name)!
  }
}
