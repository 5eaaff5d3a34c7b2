import { copied } from './moved-faces.ts'
import { describeClient } from './suite.ts'

describeClient(copied)
