/** The benchmarks run, and say something about everything that they are there for. No figure is judged here. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = (...options: string[]) => promisify(execFile)(process.execPath, ['bench/run.js', ...options])

const workloads = [
  'durable adds, batches of 1,000',
  'until all is indexed',
  'longest stall of the event loop',
  'query, k = 10',
  'query that keeps 50 %',
  'query that keeps 5 %',
  'query that keeps 0.1 %',
  'query as of, 9 % changed since',
  'one durable add',
  'one durable update',
  'disk: all',
  'opening the store',
  'first query after it',
  'memory of a process with one collection',
  'replay without graphs',
]

test('a small run prints every workload', async () => {
  const { stdout } = await run('--records', '500', '--dimension', '32')
  for (const workload of workloads) expect(stdout).toContain(`| ${workload}`)
  expect(stdout).toContain('hnswlib-node')
})

test('figures can be had as JSON, with the recall of every query', async () => {
  const { stdout } = await run('--records', '300', '--dimension', '16', '--only', 'queries', '--json')
  const { records, figures } = JSON.parse(stdout)
  expect(records).toBe(300)
  for (const { name, recall } of figures.filter(({ name }: { name: string }) =>
    name.startsWith('query that'),
  ))
    expect(recall, name).toBeGreaterThan(0.9)
})

test('backup, restore and replay are measured step by step', async () => {
  const argv = ['bench/portability.js', '--records', '200', '--dimension', '16']
  const { stdout } = await promisify(execFile)(process.execPath, argv)
  for (const step of ['backup', 'incremental backup', 'restore', 'restore with indexes', 'replay, copied'])
    expect(stdout).toContain(`| ${step} |`)
})

test('what it does not understand it refuses', async () => {
  await expect(run('--records', 'many')).rejects.toMatchObject({ code: 2 })
  expect((await run('--help')).stdout).toContain('--dimension')
})

test('a small crowd is served without an error, and leaves a clean store', async () => {
  const options = ['--seconds', '1', '--connections', '5', '--records', '200', '--dimension', '16']
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/server-load.js', ...options])
  expect(stdout).toContain('| query with a filter')
  expect(stdout).toContain('errors: 0\n')
  expect(stdout).toMatch(/verify, level full: clean, \d+ operation records/)
})
