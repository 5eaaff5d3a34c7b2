import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePickle } from '../../src/portability/pickle.ts'

/** Written by Python 3.11: an object with the class name and attributes of Chroma's `PersistentData`. */
const byPython = {
  2: 'gAJjY2hyb21hZGIuc2VnbWVudC5pbXBsLnZlY3Rvci5sb2NhbF9wZXJzaXN0ZW50X2huc3cKUGVyc2lzdGVudERhdGEKcQApgXEBfXECKFgOAAAAZGltZW5zaW9uYWxpdHlxA0sDWBQAAAB0b3RhbF9lbGVtZW50c19hZGRlZHEETSwBWAoAAABtYXhfc2VxX2lkcQVKcBEBAFgLAAAAaWRfdG9fbGFiZWxxBn1xByhYAQAAAGFxCEsBWAoAAABuYcOvdmUg4piVcQlNLAFYAQAAAGJxCkr7////WAEAAABjcQuKBgAAAAAAAXVYCwAAAGxhYmVsX3RvX2lkcQx9cQ0oSwFoCE0sAWgJdVgMAAAAaWRfdG9fc2VxX2lkcQ59cQ9oCEsBc3ViLg==',
  4: 'gASV/gAAAAAAAACMMmNocm9tYWRiLnNlZ21lbnQuaW1wbC52ZWN0b3IubG9jYWxfcGVyc2lzdGVudF9obnN3lIwOUGVyc2lzdGVudERhdGGUk5QpgZR9lCiMDmRpbWVuc2lvbmFsaXR5lEsDjBR0b3RhbF9lbGVtZW50c19hZGRlZJRNLAGMCm1heF9zZXFfaWSUSnARAQCMC2lkX3RvX2xhYmVslH2UKIwBYZRLAYwKbmHDr3ZlIOKYlZRNLAGMAWKUSvv///+MAWOUigYAAAAAAAF1jAtsYWJlbF90b19pZJR9lChLAWgKTSwBaAt1jAxpZF90b19zZXFfaWSUfZRoCksBc3ViLg==',
} as const

/** `os.system('true')`, as a pickle that is loaded by Python would run it. */
const evil = 'gASMAm9zlIwGc3lzdGVtlJOUjAR0cnVllIWUUpQu'

const bytes = (base64: string) => Buffer.from(base64, 'base64')

describe('parsePickle', () => {
  it.each([2, 4] as const)('reads the object that Python wrote, protocol %i', (protocol) => {
    expect(parsePickle(bytes(byPython[protocol]))).toEqual(
      new Map<string, unknown>([
        ['dimensionality', 3],
        ['total_elements_added', 300],
        ['max_seq_id', 70000],
        [
          'id_to_label',
          new Map([
            ['a', 1],
            ['naïve ☕', 300],
            ['b', -5],
            ['c', 2 ** 40],
          ]),
        ],
        [
          'label_to_id',
          new Map([
            [1, 'a'],
            [300, 'naïve ☕'],
          ]),
        ],
        ['id_to_seq_id', new Map([['a', 1]])],
      ]),
    )
  })

  it('refuses to call anything', () => {
    expect(() => parsePickle(bytes(evil))).toThrow('opcode 0x52')
  })

  it('names what is wrong with damaged bytes, and never does anything else', () => {
    const whole = bytes(byPython[4])
    for (let length = 0; length < whole.length; length++)
      expect(() => parsePickle(whole.subarray(0, length))).toThrow(/^the pickle/)
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(whole)
        damaged[at] = byte
        try {
          parsePickle(damaged)
        } catch (error) {
          expect((error as Error).message).toMatch(/^the pickle/)
        }
      }),
      { numRuns: 2_000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          parsePickle(Buffer.from(noise))
        } catch (error) {
          expect((error as Error).message).toMatch(/^the pickle/)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
