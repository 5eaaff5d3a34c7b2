import { importedFromParquet } from './moved-faces.ts'
import { describeClient } from './suite.ts'

describeClient(importedFromParquet)
