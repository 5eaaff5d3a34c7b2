import type { Command } from 'commander'
import type { ConsistencyProof, ErasureCertificate, InclusionProof, TreeHead } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import { UsageError } from '../failure.ts'
import { readInput } from '../input-file.ts'
import type { Interrupt } from '../interrupt.ts'
import { whole } from '../options.ts'
import type { Session } from '../session.ts'
import { timeText } from '../units.ts'

interface Flags {
  size?: number
  content?: boolean
  since?: number
  verify?: string
  checkpoint?: string
  publicKey?: string
  trust?: string
  trustEarlier?: string
}

/** Everything that can be proven, as it stands in a file. */
type Proof = InclusionProof | ConsistencyProof | ErasureCertificate

/** `annals proof`: makes proofs, and verifies them without a store. */
export function proof(interrupt: Interrupt): Command {
  return storeCommand('proof', {
    description:
      'Prints a proof as JSON: that an operation record stands in the log, or with --since that the log continues an earlier one. ' +
      '--verify checks a proof, or the certificate of an erasure, without any store: against a signed note (--checkpoint, --public-key) or a root that you trust (--trust).',
    examples: [
      ['proof 402 > proof.json', 'the operation record at position 402'],
      ['proof --since 402 > growth.json', 'nothing before position 402 was changed'],
      ['proof --verify proof.json --checkpoint note.txt --public-key annals.pub.pem', 'needs no store'],
      ['proof --verify proof.json --trust 1207:0ac2…', 'against a root that you have noted down'],
    ],
  })
    .argument('[position]', 'of the operation record', whole(1))
    .option('--size <count>', 'in the log as it was with so many operation records (default: all)', whole(1))
    .option('--content', 'with what was written, not only who and when')
    .option(
      '--since <position>',
      'prove that the log continues the one up to here, instead (default: none)',
      whole(1),
    )
    .option('--verify <file>', 'check the proof in a file, - for standard input, instead (default: none)')
    .option('--checkpoint <file>', 'for --verify: the file of the signed note to trust (default: none)')
    .option(
      '--public-key <key>',
      'for --checkpoint: who signed it, a PEM file or a verifier key (default: none)',
    )
    .option('--trust <head>', 'for --verify: the log to trust, as SIZE:ROOT (default: that of --checkpoint)')
    .option(
      '--trust-earlier <head>',
      'for --verify of a proof by --since: the earlier log, as SIZE:ROOT (default: none)',
    )
    .action(
      run<Flags, [number | undefined]>(interrupt, async (session, flags, position) => {
        if (flags.verify !== undefined) return verify(session, flags, flags.verify)
        if ((position === undefined) === (flags.since === undefined))
          throw new UsageError('Give either a position or --since.', 'annals proof 402')
        const client = await session.client()
        const { size, content } = flags
        const made =
          position === undefined
            ? await client.consistency(flags.since!, size)
            : await client.proof(position, {
                ...(size !== undefined && { size }),
                ...(content !== undefined && { content }),
              })
        // Its reader is a program, or this command again: it is JSON in any case.
        await session.out.record(made)
      }),
    )
}

/** What a proof says, if it holds. */
type Claims = readonly (readonly [name: string, value: string | number | null])[]

async function verify(session: Session, flags: Flags, file: string): Promise<void> {
  const { out } = session
  const given = parseProof(file)
  const trusted = await trustedHead(flags)
  const claims = trusted === null ? null : await claimsOf(given, trusted, flags)
  if (claims === null) session.fail()
  const facts = Object.fromEntries(claims ?? [])
  await out.answer({ verified: claims !== null, kind: given.kind, ...facts }, () =>
    claims === null
      ? out.style.red('It proves nothing.')
      : [out.style.green('It holds.'), ...out.fields(claims)],
  )
}

/** `null` when the proof does not hold in the trusted log. */
async function claimsOf(given: Proof, trusted: TreeHead, { trustEarlier }: Flags): Promise<Claims | null> {
  const { verifyConsistency, verifyErasure, verifyInclusion } = await import('../../index.ts')
  if (given.kind === 'inclusion') return verifyInclusion(given, trusted) ? operationClaims(given) : null
  if (given.kind === 'erasure')
    return verifyErasure(given, trusted) ? [['erased', given.ids.join(', ')]] : null
  if (trustEarlier === undefined)
    throw new UsageError('Which earlier log does it continue?', 'Add --trust-earlier SIZE:ROOT.')
  const { treeHead } = await import('../trust.ts')
  return verifyConsistency(given, treeHead(trustEarlier), trusted) ? [['continues', given.from.size]] : null
}

async function operationClaims(given: InclusionProof): Promise<Claims> {
  const { provenOperation } = await import('../../index.ts')
  const { position, type, committedAt, actor, reason, id } = provenOperation(given)
  return [
    ['position', position],
    ['operation', type],
    ['time', timeText(committedAt)],
    ['actor', actor],
    ['reason', reason],
    ['id', id],
  ]
}

/** The log that the user trusts; `null` when the note is not signed by the key. */
async function trustedHead({ checkpoint, publicKey, trust }: Flags): Promise<TreeHead | null> {
  const { treeHead, trustedCheckpoint } = await import('../trust.ts')
  if (trust !== undefined) return treeHead(trust)
  if (checkpoint !== undefined) return trustedCheckpoint(checkpoint, publicKey)
  throw new UsageError(
    'Against which log? A proof must not vouch for itself.',
    'Add --checkpoint with --public-key, or --trust SIZE:ROOT.',
  )
}

function parseProof(file: string): Proof {
  try {
    const value = JSON.parse(readInput(file)) as Proof
    if (['inclusion', 'consistency', 'erasure'].includes(value?.kind)) return value
  } catch (error) {
    if (error instanceof UsageError) throw error
  }
  throw new UsageError(`${file} holds no proof.`, 'annals proof makes one; annals erase --certificate, too.')
}
