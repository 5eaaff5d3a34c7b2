import { restored } from './moved-faces.ts'
import { describeClient } from './suite.ts'

describeClient(restored)
