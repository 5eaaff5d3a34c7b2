import { overHttp } from './http-face.ts'
import { describeClient } from './suite.ts'

describeClient(overHttp, {
  cannot: { 'end with the signal, also one that came before': 'it gives the feed 20 ms to see a write' },
})
