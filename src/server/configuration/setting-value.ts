import { parse } from 'yaml'
import { AnnalsError, messageOf } from '../../errors.ts'
import { checkArray, checkInteger, checkText, invalid } from '../../validation/values.ts'
import type { Setting } from './settings.ts'

const unitBytes: Readonly<Record<string, number>> = { '': 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }
const textLengthMax = 1_048_576

/** A value as a file holds it, or as a flag or the environment spell it, in the form the server works with. */
export function settingValue({ value: kind, isSecret }: Setting, given: unknown, place: string): unknown {
  switch (kind.kind) {
    case 'text':
    case 'file': {
      if (isSecret && typeof given !== 'string') throw problem(place, 'must be a string')
      const text = checkText(given, place, textLengthMax)
      if (text === '') throw invalid(place, 'must not be empty', text)
      return text
    }
    case 'boolean':
      return booleanOf(given, place)
    case 'integer':
      return checkInteger(numberOf(given), place, kind.min, kind.max)
    case 'bytes':
      return checkInteger(bytesOf(given), place, kind.min, kind.max)
    case 'choice':
      if (kind.choices.some((choice) => choice === given)) return given
      throw invalid(place, `must be one of ${kind.choices.join(', ')}`, given)
    case 'list':
      return listOf(given, place)
    case 'grants':
      return grantsOf(given, place)
  }
}

function booleanOf(given: unknown, place: string): boolean {
  if (typeof given === 'boolean') return given
  const text = typeof given === 'string' ? given.toLowerCase() : ''
  if (text === 'true' || text === '1') return true
  if (text === 'false' || text === '0') return false
  throw invalid(place, 'must be true or false', given)
}

/** What is no number stays what it is, for the message. */
function numberOf(given: unknown): unknown {
  return typeof given === 'string' && /^\d{1,16}$/.test(given) ? Number(given) : given
}

function bytesOf(given: unknown): unknown {
  const [, digits = '', unit = ''] =
    typeof given === 'string' ? (/^(\d{1,16}) ?(B|KiB|MiB|GiB|)$/.exec(given) ?? []) : []
  return digits === '' ? given : Number(digits) * (unitBytes[unit] ?? Number.NaN)
}

function listOf(given: unknown, place: string): string[] {
  const parts = typeof given === 'string' ? given.split(',').map((part) => part.trim()) : given
  return checkArray(parts, place)
    .map((part, index) => checkText(part, `${place}[${index}]`, textLengthMax))
    .filter((part) => part !== '')
}

function grantsOf(given: unknown, place: string): unknown[] {
  const list = typeof given === 'string' ? parsed(given, place) : given
  if (Array.isArray(list)) return list
  throw problem(place, 'must be a list')
}

/** The content of a YAML or JSON text (every JSON text is YAML too). Its values appear in no message. */
export function parsed(text: string, place: string): unknown {
  try {
    return parse(text, { prettyErrors: false, logLevel: 'error' }) as unknown
  } catch (error) {
    throw problem(place, `must be YAML or JSON: ${messageOf(error)}`)
  }
}

/** For values that must not be quoted. */
function problem(place: string, rule: string): AnnalsError {
  return new AnnalsError('invalid_argument', `${place}: ${rule}.`)
}
