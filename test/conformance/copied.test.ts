import { copied } from './moved-faces.ts'
import { movedBriefly } from './scopes.ts'
import { describeClient } from './suite.ts'

describeClient(copied, movedBriefly)
