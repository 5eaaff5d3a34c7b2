import { followed } from './moved-faces.ts'
import { standby } from './scopes.ts'
import { describeClient } from './suite.ts'

describeClient(followed, standby)
