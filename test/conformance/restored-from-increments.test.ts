import { restoredFromIncrements } from './moved-faces.ts'
import { describeClient } from './suite.ts'

describeClient(restoredFromIncrements)
