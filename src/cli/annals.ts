#!/usr/bin/env node
import { main } from './main.ts'

// Whatever is still open then (a terminal's input, a connection kept alive) must not hold the shell.
process.exit(await main(process.argv))
