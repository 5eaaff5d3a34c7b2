/** Makes a list of steps that fails shorter: leaves out halves, quarters … single ones, as long as it still fails. */
export async function shortened<T>(
  steps: readonly T[],
  run: (steps: readonly T[]) => Promise<void>,
  msMax: number,
): Promise<{ steps: readonly T[]; error: unknown }> {
  const until = Date.now() + msMax
  let left = steps
  let error: unknown = null
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    let isShorter = true
    while (isShorter) {
      isShorter = false
      for (let from = 0; from < left.length && Date.now() < until; ) {
        const fewer = [...left.slice(0, from), ...left.slice(from + size)]
        const failure = await failureOf(run(fewer))
        if (failure === null) {
          from += size
          continue
        }
        left = fewer
        error = failure
        isShorter = true
      }
    }
  }
  return { steps: left, error }
}

async function failureOf(run: Promise<void>): Promise<unknown> {
  try {
    await run
    return null
  } catch (error) {
    return error ?? new Error('It failed without an error.')
  }
}
