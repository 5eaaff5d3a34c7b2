/** Completion scripts for shells: they stand by themselves, and start nothing when Tab is pressed. */
import type { Command, Option } from 'commander'

export type Shell = 'bash' | 'zsh' | 'fish'
export const shells: readonly Shell[] = ['bash', 'zsh', 'fish']

/** What is completed of one command. */
interface Known {
  name: string
  summary: string
  options: readonly Option[]
}

export function completionScript(shell: Shell, commands: readonly Command[]): string {
  const known = commands.map((command) => ({
    name: command.name(),
    summary: command.summary(),
    options: command.options,
  }))
  return { bash, zsh, fish }[shell](known)
}

function flags(options: readonly Option[]): string[] {
  return [...options.map(({ long }) => long!), '--help']
}

function bash(commands: readonly Known[]): string {
  const cases = commands.map(({ name, options }) => `    ${name}) words='${flags(options).join(' ')}' ;;`)
  const values = valuesOf(commands).map(([flag, choices]) => `    ${flag}) words='${choices.join(' ')}' ;;`)
  return `# annals completion for bash
_annals() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')} --help --version' -- "$current"))
    return
  fi
  case "$previous" in
    --path) COMPREPLY=($(compgen -d -- "$current")); return ;;
${values.join('\n')}
  esac
  if [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
    completion) words='${shells.join(' ')}' ;;
${cases.filter((line) => !line.trim().startsWith('completion)')).join('\n')}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) if [ "\${COMP_WORDS[1]}" = completion ]; then
         COMPREPLY=($(compgen -W "$words" -- "$current"))
       else
         COMPREPLY=($(compgen -f -- "$current"))
       fi ;;
  esac
}
complete -o filenames -F _annals annals
`
}

function zsh(commands: readonly Known[]): string {
  const list = commands.map(({ name, summary }) => `    '${name}:${quoted(summary)}'`)
  const cases = commands.map(({ name, options }) => {
    const specs = options.map(zshOption)
    const rest = name === 'completion' ? `'*:shell:(${shells.join(' ')})'` : "'*:file:_files'"
    return `    ${name}) _arguments ${[...specs, rest].join(' ')} ;;`
  })
  return `#compdef annals
# annals completion for zsh
_annals() {
  local -a commands
  commands=(
${list.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
_annals "$@"
`
}

function zshOption({ long, description, required, argChoices }: Option): string {
  const text = quoted(description).replaceAll(/[[\]]/g, '').replaceAll(':', ' ')
  const value = argChoices === undefined ? '_files' : `(${argChoices.join(' ')})`
  return `'*${long}[${text}]${required ? `:value:${value}` : ''}'`
}

function fish(commands: readonly Known[]): string {
  const names = commands.map(
    ({ name, summary }) =>
      `complete -c annals -n __fish_use_subcommand -f -a ${name} -d '${quoted(summary)}'`,
  )
  const options = commands.flatMap(({ name, options: own }) =>
    own.map(({ long, description, required, argChoices }) => {
      const values = argChoices === undefined ? '' : ` -f -a '${argChoices.join(' ')}'`
      const takes = required ? ' -r' : ''
      return `complete -c annals -n '__fish_seen_subcommand_from ${name}' -l ${long!.slice(2)}${takes}${values} -d '${quoted(description)}'`
    }),
  )
  const shell = `complete -c annals -n '__fish_seen_subcommand_from completion' -f -a '${shells.join(' ')}'`
  return `# annals completion for fish\n${[...names, ...options, shell].join('\n')}\n`
}

/** Options whose values are known, each once. */
function valuesOf(commands: readonly Known[]): [flag: string, choices: string[]][] {
  const found = new Map<string, string[]>()
  for (const { long, argChoices } of commands.flatMap(({ options }) => options))
    if (argChoices !== undefined) found.set(long!, argChoices)
  return [...found]
}

/** Fit to stand between single quotes, for all three. */
function quoted(text: string): string {
  return text.replaceAll("'", '’')
}
