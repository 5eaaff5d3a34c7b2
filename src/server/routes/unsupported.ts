import { HttpError, notImplemented } from '../http/http-error.ts'
import { liveCollection } from '../http/reading.ts'
import type { Route } from '../http/route.ts'
import { flag, object, optional, text } from '../http/shape.ts'
import { collectionUrl } from './common.ts'

const read = { role: 'read', scope: 'database' } as const
const write = { role: 'write', scope: 'database' } as const

/** What Chroma's local server does not do either, answered as it answers, and never with a panic. */
export const unsupportedRoutes: readonly Route[] = [
  {
    method: 'GET',
    url: '/api/v2/collections/{crn}',
    access: { role: 'read', scope: 'store' },
    id: 'get_collection_by_crn',
    tag: 'Collection',
    summary: 'A collection by its cloud resource name: not supported.',
    success: { schema: { $ref: 'Collection#' } },
    errors: [501],
    handle: () => {
      throw notImplemented(
        'Tenants have no resource names here, so collections have no CRN; get them by name or id',
      )
    },
  },
  {
    method: 'POST',
    url: `${collectionUrl}/functions/attach`,
    access: write,
    id: 'attach_function',
    tag: 'Function',
    summary: 'Attach a function: not supported.',
    body: { $ref: 'AttachFunctionRequest#' },
    success: { schema: { $ref: 'AttachFunctionResponse#' } },
    errors: [404, 501],
    handle: async (call) => {
      const given = object(call.body, 'body')
      for (const key of ['name', 'function_id', 'output_collection']) text(given[key], key)
      await liveCollection(call)
      throw notImplemented('Attached functions are not supported')
    },
  },
  {
    method: 'GET',
    url: `${collectionUrl}/functions/{function_name}`,
    access: read,
    id: 'get_attached_function',
    tag: 'Function',
    summary: 'An attached function: there are none.',
    success: { schema: { $ref: 'GetAttachedFunctionResponse#' } },
    errors: [404],
    handle: async (call) => {
      await liveCollection(call)
      throw noFunction(call.params.function_name!)
    },
  },
  {
    method: 'POST',
    url: `${collectionUrl}/attached_functions/{name}/detach`,
    access: write,
    id: 'detach_function',
    tag: 'Function',
    summary: 'Detach a function: there are none.',
    body: { $ref: 'DetachFunctionRequest#' },
    success: { schema: { $ref: 'DetachFunctionResponse#' } },
    errors: [404],
    handle: async (call) => {
      optional(flag)(object(call.body, 'body').delete_output, 'delete_output')
      await liveCollection(call)
      throw noFunction(call.params.name!)
    },
  },
  {
    method: 'POST',
    url: `${collectionUrl}/attached_functions/{name}/add_input`,
    access: write,
    id: 'add_attached_function_input',
    tag: 'Function',
    summary: 'Give an attached function another input: not supported.',
    body: { type: 'object' },
    success: { schema: { type: 'object' } },
    errors: [404, 501],
    handle: async (call) => {
      object(call.body, 'body')
      await liveCollection(call)
      throw notImplemented('Attached functions are not supported')
    },
  },
]

function noFunction(name: string): HttpError {
  return new HttpError(404, 'NotFoundError', 'invalid_argument', `Attached function [${name}] not found`)
}
