// Compiles src into dist, from nothing, so that no file of a removed source is left over.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
const tsc = process.platform === 'win32' ? 'node_modules/.bin/tsc.cmd' : 'node_modules/.bin/tsc'
process.exitCode = spawnSync(tsc, ['-p', 'tsconfig.json'], { stdio: 'inherit' }).status ?? 1
