import type { JsonSchema } from '../http/route.ts'

export const databaseUrl = '/api/v2/tenants/{tenant}/databases/{database}'
export const collectionUrl: string = `${databaseUrl}/collections/{collection_id}`

const point = 'A position (`123`), an ISO 8601 instant (`2026-03-01T12:00:00Z`) or a tag (`tag:NAME`).'

export const pointSchema: JsonSchema = { type: 'string', description: point }

export const asOfParameter: Readonly<Record<string, JsonSchema>> = {
  as_of: { type: 'string', description: `Answers as of a point of the past. ${point}` },
}

export const readLevelParameter: Readonly<Record<string, JsonSchema>> = {
  read_level: { $ref: 'ReadLevel#' },
}

export const pageParameters: Readonly<Record<string, JsonSchema>> = {
  limit: { type: 'integer', format: 'int32', minimum: 0 },
  offset: { type: 'integer', format: 'int32', minimum: 0 },
}

/** For clients of ours: an upsert that changes no vectors. */
export const partialParameter: Readonly<Record<string, JsonSchema>> = {
  partial: {
    type: 'boolean',
    description:
      'Rows of an upsert without an embedding (`null`) leave the vector of an existing record as it is.',
  },
}
