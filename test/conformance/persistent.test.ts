import { persistent } from './faces.ts'
import { describeClient } from './suite.ts'

describeClient(persistent)
