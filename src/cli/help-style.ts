import type { Argument, Command, HelpConfiguration, Option } from 'commander'

/** How help differs from commander's: a command's own options first, and less said where it goes without saying. */
export const helpStyle: HelpConfiguration = {
  subcommandTerm: (command: Command) => command.name(),
  optionDescription: ({ description, defaultValue, envVar, argChoices }: Option) => {
    const fallback = typeof defaultValue === 'number' ? ` (default: ${defaultValue})` : ''
    const choices = argChoices === undefined ? '' : `: ${argChoices.join(', ')}`
    const [, about, known = ''] = /^(.*?)( \(default: .*\))?$/.exec(description)!
    return `${about}${choices}${known}${fallback}${envVar === undefined ? '' : ` [${envVar}]`}`
  },
  argumentDescription: ({ description }: Argument) => description,
  groupItems: <T extends Command | Option | Argument>(
    all: T[],
    visible: T[],
    headingOf: (item: T) => string,
  ) => {
    const isOwn = (item: T) => headingOf(item) === 'Options:'
    const groups = new Map<string, T[]>()
    // Help is an option of its own, and stands in no list of them.
    for (const item of [...visible.filter(isOwn), ...all]) groups.set(headingOf(item), [])
    for (const item of visible) groups.set(headingOf(item), [...(groups.get(headingOf(item)) ?? []), item])
    return groups
  },
}
