import { followed } from './moved-faces.ts'
import { describeClient } from './suite.ts'

describeClient(followed)
