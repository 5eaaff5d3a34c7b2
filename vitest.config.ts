import { defineConfig } from 'vitest/config'

// Tests name the sources, so that the editor and the type checker follow them, but run what is shipped:
// worker threads and child processes need the built files, and one process must not hold both.
export default defineConfig({
  resolve: {
    alias: [{ find: /^(\.{1,2}\/(?:.*\/)?)src\/(.*)\.ts$/, replacement: '$1dist/$2.js' }],
  },
  test: {
    include: ['test/**/*.test.ts'],
    server: { deps: { external: [/\/dist\//] } },
    pool: 'forks',
    maxWorkers: 2,
    // Ends what hangs. No test may fail because its machine is slow.
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
})
