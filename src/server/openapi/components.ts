/** The component schemas of the OpenAPI document, by name. */
import { chromaCollectionSchemas } from '../chroma/openapi-collections.ts'
import { chromaRecordSchemas } from '../chroma/openapi-records.ts'
import type { JsonSchema } from '../http/route.ts'
import { ownSchemas } from './openapi-own.ts'

export const components: Readonly<Record<string, JsonSchema>> = {
  ...chromaCollectionSchemas,
  ...chromaRecordSchemas,
  ...ownSchemas,
}
