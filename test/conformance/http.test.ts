import { overHttp } from './http-face.ts'
import { describeClient, type TopicName } from './suite.ts'

const topics: readonly TopicName[] = [
  'collections',
  'forks',
  'records',
  'numbers',
  'metadata filters',
  'document filters',
  'queries',
  'spaces',
  'write options',
  'order',
  'time',
  'history',
  'changes',
  'validation',
  'embedding functions',
  'lifecycle',
]

describeClient(overHttp, {
  topics,
  cannot: { 'end with the signal, also one that came before': 'it gives the feed 20 ms to see a write' },
})
