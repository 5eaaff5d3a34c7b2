/** The options that several commands share, and how their values are read. */
import { type Command, InvalidArgumentError, Option } from 'commander'

/** Which store, and how to get at it. */
export interface StoreFlags {
  path?: string
  url?: string
  tokenFile?: string
  ca?: string
  tenant?: string
  database?: string
}

/** How answers are written. */
export interface OutputFlags {
  json?: boolean
  quiet?: boolean
  color: boolean
}

/** Who writes, and why. */
export interface WriteFlags {
  actor?: string
  reason?: string
  idempotencyKey?: string
}

/** Which records. */
export interface FilterFlags {
  /** JSON text. */
  where?: string
  whereDocument?: string
  contains?: string
}

export interface PastFlags {
  asOf?: string
}

/** A whole number of at least `min`. */
export function whole(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min}.`)
  }
}

/** A number between two others. */
export function between(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`)
  }
}

/** The text of a JSON object: whoever needs it reads it with exact numbers. */
function jsonObject(text: string): string {
  const value = parsed(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return text
  throw new InvalidArgumentError(`It must be a JSON object, such as '{"topic": "iron"}'.`)
}

/** A JSON array of numbers; repeated options gather. */
export function vectors(text: string, before: number[][] = []): number[][] {
  const value = parsed(text)
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'number'))
    throw new InvalidArgumentError("It must be a JSON array of numbers, such as '[0.1, 0.2]'.")
  return [...before, value]
}

/** Repeated options gather. */
export function gathered(text: string, before: string[] = []): string[] {
  return [...before, text]
}

function parsed(text: string): unknown {
  try {
    // Enough to know whether it is JSON; exact numbers are read when the command runs (`Session.filter`).
    return JSON.parse(text)
  } catch (error) {
    throw new InvalidArgumentError(`It is not valid JSON: ${(error as Error).message}.`)
  }
}

const storeGroup = 'Which store:'
const outputGroup = 'How it is told:'
const writeGroup = 'What the log notes down:'

/** `what` stands there, where it is not a store yet. */
export function addPath(command: Command, what = 'the folder of a store'): Command {
  return command.addOption(
    new Option('--path <folder>', `${what} (default: ./annals-data)`)
      .env('ANNALS_PATH')
      .helpGroup(storeGroup),
  )
}

export function addServer(command: Command): Command {
  const add = (option: Option) => command.addOption(option.helpGroup(storeGroup))
  add(
    new Option(
      '--url <url>',
      'a running server instead of a folder, such as http://localhost:8000 (default: none)',
    ).env('ANNALS_URL'),
  )
  add(new Option('--token-file <file>', 'a file with the token for that server (default: ANNALS_TOKEN)'))
  return add(
    new Option(
      '--ca <file>',
      'a PEM file of certificates to trust, for a server that signs its own (default: the well-known authorities)',
    ),
  )
}

export function addTenant(command: Command): Command {
  return command.addOption(
    new Option('--tenant <name>', 'the tenant (default: default_tenant)')
      .env('ANNALS_TENANT')
      .helpGroup(storeGroup),
  )
}

export function addScope(command: Command): Command {
  return addTenant(command).addOption(
    new Option('--database <name>', 'the database (default: default_database)')
      .env('ANNALS_DATABASE')
      .helpGroup(storeGroup),
  )
}

export function addOutput(command: Command): Command {
  return command
    .addOption(new Option('--json', 'one JSON value on each line').helpGroup(outputGroup))
    .addOption(new Option('-q, --quiet', 'no progress and no notes').helpGroup(outputGroup))
    .addOption(new Option('--no-color', 'no colours, as with NO_COLOR').helpGroup(outputGroup))
}

/** `keyed`: with a key that makes repeating it harmless. */
export function addWrite(command: Command, { keyed }: { keyed: boolean }): Command {
  command
    .addOption(
      new Option('--actor <name>', 'who is responsible (default: the user of this system)')
        .env('ANNALS_ACTOR')
        .helpGroup(writeGroup),
    )
    .addOption(new Option('--reason <text>', 'why (default: none)').helpGroup(writeGroup))
  if (!keyed) return command
  return command.addOption(
    new Option(
      '--idempotency-key <key>',
      'a key of your own: repeated with it, a write is done once (default: none)',
    ).helpGroup(writeGroup),
  )
}

/** Whether a command writes: those that do ask who is responsible. */
export function takesAuthor(command: Command): boolean {
  return command.options.some((option) => option.attributeName() === 'actor')
}

export function addFilter(command: Command): Command {
  return command
    .option(
      '--where <json>',
      'only records whose metadata fits, such as {"year": {"$gte": 1900}}',
      jsonObject,
    )
    .option(
      '--where-document <json>',
      'only records whose document fits, such as {"$regex": "^Iron"}',
      jsonObject,
    )
    .option('--contains <text>', 'only records whose document contains this, letter by letter')
}

export function addAsOf(command: Command): Command {
  return command.option(
    '--as-of <point>',
    'as it stood then: a position, an ISO 8601 time or tag:NAME (default: now)',
  )
}

/** Which part of a list. */
export interface PageFlags {
  limit: number
  offset: number
}

export function addPage(command: Command): Command {
  return addOffset(command.option('-n, --limit <count>', 'at most so many', whole(1), 1000))
}

export function addOffset(command: Command): Command {
  return command.option('--offset <count>', 'leave out so many at the beginning', whole(0), 0)
}

/** How a collection is made, where it must be. */
export interface CreationFlags {
  space?: 'l2' | 'cosine' | 'ip'
}

export function addCreation(command: Command): Command {
  return command.addOption(
    new Option('--space <space>', 'how a new collection compares vectors (default: l2)').choices([
      'l2',
      'cosine',
      'ip',
    ]),
  )
}

/** `name=value` pairs of HNSW options; repeated options gather. */
export function hnswOptions(text: string, before: Record<string, unknown> = {}): Record<string, unknown> {
  const [, name, value] = /^([a-z_]+)=(.+)$/i.exec(text) ?? []
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError('It must have the form name=value, such as max_neighbors=32.')
  return { ...before, [name]: Number.isNaN(Number(value)) ? value : Number(value) }
}
