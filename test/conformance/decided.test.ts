import { decided } from './moved-faces.ts'
import { describeClient } from './suite.ts'

describeClient(decided)
