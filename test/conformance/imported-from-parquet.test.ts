import { importedFromParquet } from './moved-faces.ts'
import { importsBriefly } from './scopes.ts'
import { describeClient } from './suite.ts'

describeClient(importedFromParquet, importsBriefly)
