/** What verification and repair tell. */
import type { Finding, VerifyProgress } from '../index.ts'
import type { Output } from './output.ts'
import type { Session } from './session.ts'
import { shellWording } from './wording.ts'

const doing = { log: 'reading the log', metadata: 'comparing rows', segments: 'reading segments' } as const
const units = { log: 'operations', metadata: 'rows', segments: 'segments' } as const

/** Told of the progress of a verification. */
export function verified(session: Session): (progress: VerifyProgress) => void {
  return ({ step, done, total }) =>
    session.progress.tell({ label: doing[step], done, total, unit: units[step] })
}

/** What was found, where, and what to do about it. */
export function findingLines(out: Output, findings: readonly Finding[]): string[] {
  const { red, yellow, cyan, dim, bold } = out.style
  const paint = { error: red, warning: yellow, info: cyan }
  return findings.flatMap(({ severity, code, where, message, hint }) => [
    `${paint[severity](severity)} ${bold(where)}: ${message} ${dim(`[${code}]`)}`,
    `  ${dim('hint:')} ${shellWording(hint)}`,
  ])
}
