/** The component schemas of the OpenAPI document, by name. */

import type { JsonSchema } from '../http/route.ts'
import { chromaCollectionSchemas } from './chroma-collections.ts'
import { chromaRecordSchemas } from './chroma-records.ts'
import { ownSchemas } from './own.ts'

export const components: Readonly<Record<string, JsonSchema>> = {
  ...chromaCollectionSchemas,
  ...chromaRecordSchemas,
  ...ownSchemas,
}
