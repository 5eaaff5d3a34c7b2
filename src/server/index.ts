/** The package's `annals/server`: apart from `annals`, so that whoever embeds a store loads no HTTP server. */
export type { Access, Identity, Role } from './access.ts'
export { type RunningServer, type ServerOptions, serve } from './serve.ts'
