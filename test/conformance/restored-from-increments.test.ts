import { restoredFromIncrements } from './moved-faces.ts'
import { movedSmall } from './scopes.ts'
import { describeClient } from './suite.ts'

describeClient(restoredFromIncrements, movedSmall)
