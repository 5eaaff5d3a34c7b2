import { Argument, type Command } from 'commander'
import { plainCommand } from '../command.ts'
import { completionScript, type Shell, shells } from '../completion-script.ts'

/** `annals completion`: what a shell completes, made of the commands themselves. */
export function completion(): Command {
  const command = plainCommand('completion', {
    description: 'Prints the completion script for bash, zsh or fish: commands, options and their values.',
    examples: [
      ['completion bash > /etc/bash_completion.d/annals', 'for bash'],
      ['completion zsh > ~/.zsh/completions/_annals', 'for zsh'],
      ['completion fish > ~/.config/fish/completions/annals.fish', 'for fish'],
    ],
  }).addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(shells))
  return command.action((shell: Shell) => {
    process.stdout.write(completionScript(shell, command.parent!.commands))
  })
}
