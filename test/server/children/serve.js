// Serves as the options on the command line say (JSON), and says where; stops on signals as `annals run` does.
import { serve, stopOnSignals } from '../../../dist/server/index.js'

const server = await serve(JSON.parse(process.argv[2]))
stopOnSignals(server, server.log)
process.stdout.write(`at ${server.url}\n`)
