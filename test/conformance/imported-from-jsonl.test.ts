import { importedFromJsonl } from './moved-faces.ts'
import { imports } from './scopes.ts'
import { describeClient } from './suite.ts'

describeClient(importedFromJsonl, imports)
