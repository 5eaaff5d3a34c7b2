import { ephemeral } from './faces.ts'
import { describeClient } from './suite.ts'

describeClient(ephemeral)
