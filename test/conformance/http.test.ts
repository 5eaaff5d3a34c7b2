import { overHttp } from './http-face.ts'
import { describeClient } from './suite.ts'

describeClient(overHttp)
