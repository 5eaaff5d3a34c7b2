import { rebuilt } from './faces.ts'
import { describeClient } from './suite.ts'

describeClient(rebuilt)
