import { decided } from './moved-faces.ts'
import { decidedAnew } from './scopes.ts'
import { describeClient } from './suite.ts'

describeClient(decided, decidedAnew)
