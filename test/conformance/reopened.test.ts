import { reopened } from './faces.ts'
import { describeClient } from './suite.ts'

describeClient(reopened)
