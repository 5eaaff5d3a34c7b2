import { importedFromJsonl } from './moved-faces.ts'
import { describeClient } from './suite.ts'

describeClient(importedFromJsonl)
