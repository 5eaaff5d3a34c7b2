/** How a failure is told on standard error, and which exit code it gives. */
import pc from 'picocolors'
import { AnnalsError, type ErrorCode, type Fate, messageOf } from '../errors.ts'
import { shellWording } from './wording.ts'

/** 1: findings or failure; 2: a command line that cannot be understood; 130: interrupted. */
export type ExitCode = 0 | 1 | 2 | 130

/** These say that what was typed is wrong. */
const usageCodes: ReadonlySet<ErrorCode> = new Set([
  'invalid_argument',
  'invalid_filter',
  'unsupported_option',
])

const fates: Readonly<Record<Fate, string>> = {
  not_written: 'nothing was written',
  durable: 'what was written is durable',
  indeterminate: 'it is not known whether the data was written',
}

/** A command line that commander admits and that makes no sense all the same. Exit code 2. */
export class UsageError extends Error {
  readonly hint: string | undefined

  constructor(message: string, hint?: string) {
    super(message)
    this.hint = hint
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return 2
  return error instanceof AnnalsError && usageCodes.has(error.code) ? 2 : 1
}

export interface FailureStyle {
  asJson: boolean
  colour: boolean
  /** Whether the command writes; of what only reads, the fate of the data goes without saying. */
  writes: boolean
}

/** One line of JSON for machines; for people what was wrong, and what to do next. */
export function failureText(error: unknown, { asJson, colour, writes }: FailureStyle): string {
  const { code, hint, fate: told, position } = detailsOf(error)
  const fate = writes ? told : undefined
  const message = shellWording(messageOf(error))
  if (asJson) return `${JSON.stringify({ error: { code, message, hint, fate, position } })}\n`
  const { red, dim } = pc.createColors(colour && process.env.NO_COLOR === undefined)
  const lines = [
    `${red('error:')} ${message}${code === undefined || code === 'usage' ? '' : dim(` [${code}]`)}`,
  ]
  if (hint !== undefined) lines.push(`${dim('  hint:')} ${hint}`)
  // Of a command line that makes no sense, that goes without saying.
  if (fate !== undefined && exitCodeOf(error) !== 2) lines.push(`${dim('  fate:')} ${fates[fate]}`)
  if (position !== undefined) lines.push(`${dim('  position:')} ${position}`)
  return `${lines.join('\n')}\n`
}

interface Details {
  code?: ErrorCode | 'usage' | undefined
  hint?: string | undefined
  fate?: Fate | undefined
  position?: number | undefined
}

function detailsOf(error: unknown): Details {
  if (error instanceof UsageError) return { code: 'usage', hint: error.hint }
  if (!(error instanceof AnnalsError))
    return { hint: systemHints[(error as NodeJS.ErrnoException)?.code ?? ''] }
  const { code, fate, position } = error
  return { code, hint: hintOf(error), fate, position }
}

function hintOf({ code, hint, message }: AnnalsError): string | undefined {
  if (code === 'forbidden' && message.startsWith('X-Annals-Actor')) return actorHint
  return shellHints[code] ?? (hint === undefined ? undefined : shellWording(hint))
}

/** What to do about errors of the system that a command line can run into. */
const systemHints: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Another program listens there. Give another --port, or --port 0 for a free one.',
  EACCES: 'This user may not do that. Choose another place, or ask who may.',
  ENOSPC: 'The disk is full. Make room, and repeat it.',
}

/** Where a shell has another way out than a program. */
const shellHints: { readonly [Code in ErrorCode]?: string } = {
  store_locked:
    "One process at a time works in a folder. If a server runs on it, ask that: replace --path by --url and the server's address.",
  tag_not_found:
    'annals tag lists the tags. Other points are positions (123) and ISO 8601 dates and times (2026-03-01, 2026-03-01T12:00Z).',
  collection_not_found: 'annals collections lists what there is; check --path, --tenant and --database, too.',
  tenant_not_found: 'Check --tenant and ANNALS_TENANT; annals create-tenant makes one.',
  database_not_found:
    'Check --database and ANNALS_DATABASE; annals databases lists what there is, annals create-database makes one.',
}

const actorHint =
  "Leave out --actor and ANNALS_ACTOR: the token's name is the actor, or use an admin's token."
