import { restored } from './moved-faces.ts'
import { moved } from './scopes.ts'
import { describeClient } from './suite.ts'

describeClient(restored, moved)
