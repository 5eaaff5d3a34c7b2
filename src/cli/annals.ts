#!/usr/bin/env node
import module from 'node:module'

// From Node 22.1 on, what was compiled once is kept, and the next start is the quicker for it.
;(module as { enableCompileCache?: () => unknown }).enableCompileCache?.()

const { main } = await import('./main.ts')
// Whatever is still open then (a terminal's input, a connection kept alive) must not hold the shell.
process.exit(await main(process.argv))
