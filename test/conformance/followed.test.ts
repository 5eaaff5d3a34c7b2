import { followed } from './moved-faces.ts'
import { movedBriefly } from './scopes.ts'
import { describeClient } from './suite.ts'

describeClient(followed, movedBriefly)
