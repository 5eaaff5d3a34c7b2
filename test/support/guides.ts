/** What the tests of pages with code share: the code of a page, and a user's project to run it in. */
import { mkdirSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

/** All blocks of a language in a Markdown page, in their order. */
export function codeBlocks(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, code]) => code!,
  )
}

/** Makes a folder a user's project, in which annals is installed, and what is named of the packages it uses itself. */
export function installInto(project: string, packages: readonly string[] = []): void {
  const modules = join(project, 'node_modules')
  mkdirSync(modules, { recursive: true })
  symlinkSync(root, join(modules, 'annals'), 'junction')
  for (const name of packages) symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction')
}
