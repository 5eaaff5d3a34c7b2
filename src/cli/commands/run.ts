import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
// Only the list of settings: the server itself is loaded when it is to run.
import { flagOf, type Setting, settings, variableOf } from '../../server/configuration/settings.ts'
import { bareCommand, run as runs } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'

/** Flags by the name that commander makes of them. */
type Flags = Readonly<Record<string, unknown>> & { config?: string }

/** `annals run`: the server. Its flags are the server's list of settings. */
export function run(interrupt: Interrupt): Command {
  const command = bareCommand('run', {
    description:
      "Serves a store over HTTP: Chroma's API, which its clients talk to, and ours. Flags win over the environment, the environment over the configuration file. Ctrl-C or SIGTERM stops it: what runs is finished, and the store is closed.",
    examples: [
      ['run --path ./data --port 8000', 'a store in a folder, for this machine only'],
      ['run --ephemeral --port 0', 'a store in memory, at a free port'],
      ['run --config annals.yaml', 'as a file says'],
      ['run --host 0.0.0.0 --auth-file users.yaml --tls-cert cert.pem --tls-key key.pem', 'for others, too'],
    ],
  }).option('--config <file>', 'YAML or JSON file with these settings (default: none) [ANNALS_CONFIG]')
  for (const setting of settings) if (setting.isSecret !== true) command.addOption(optionOf(setting))
  command.addHelpText('after', secondNames())
  return command.action(
    runs<Flags, []>(interrupt, async (session, { config, ...flags }) => {
      const { configure, serve, stopOnSignals } = await import('../../server/index.ts')
      const options = configure({
        flags: Object.fromEntries(settings.map((setting) => [setting.key, flags[nameOf(setting)]])),
        environment: process.env,
        file: config,
        read: (path) => readFileSync(path, 'utf8'),
      })
      const server = await serve(options)
      if (session.signal.aborted) return server.close()
      interrupt.handOver()
      stopOnSignals(server, server.log)
      // The process ends with the server.
      await new Promise(() => {})
    }),
  )
}

/** The rule that gives every setting its other names. */
function secondNames(): string {
  const secrets = settings.filter(({ isSecret }) => isSecret === true).map(variableOf)
  return `
Environment and file:
  --limits-body-bytes is also ANNALS_LIMITS_BODY_BYTES, and in a file bodyBytes
  below limits; so it is with every setting. What others must not read stands
  there alone: ${secrets.join(', ')}.
  Bytes take a unit, such as 64MiB; ms are thousandths of a second.`
}

function optionOf(setting: Setting): Option {
  const { value, about, fallback, key } = setting
  const taken = words[key] ?? (key.endsWith('Ms') ? 'ms' : words[value.kind]) ?? 'text'
  const known = value.kind === 'boolean' ? '' : ` (default: ${fallback})`
  const option = new Option(
    value.kind === 'boolean' ? flagOf(setting) : `${flagOf(setting)} <${taken}>`,
    `${about.replaceAll('`', '')}${known}`,
  )
  if (value.kind === 'choice') option.choices([...value.choices])
  const group = groups[key.split('.')[0]!]
  return group === undefined ? option : option.helpGroup(group)
}

/** What help calls the value of a flag: by the key of the setting, else by its kind. */
const words: Readonly<Record<string, string>> = {
  path: 'folder',
  host: 'address',
  port: 'number',
  file: 'file',
  integer: 'count',
  bytes: 'bytes',
  choice: 'name',
  list: 'name,name',
}

const groups: Readonly<Record<string, string>> = {
  auth: 'Who may use it:',
  tls: 'TLS:',
  limits: 'Limits:',
  log: 'Its log:',
}

/** What commander calls the value of a flag. */
function nameOf(setting: Setting): string {
  return new Option(flagOf(setting)).attributeName()
}
