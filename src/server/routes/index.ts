import type { Route } from '../http/route.ts'
import { backupRoutes } from './backups.ts'
import { beyondLocalRoutes } from './beyond-local.ts'
import { careRoutes } from './care.ts'
import { collectionRoutes } from './collections.ts'
import { databaseRoutes } from './databases.ts'
import { forkRoutes } from './forks.ts'
import { historyRoutes } from './history.ts'
import { metricsRoutes } from './metrics.ts'
import { proofRoutes } from './proofs.ts'
import { recordRoutes } from './records.ts'
import { systemRoutes } from './system.ts'
import { unsupportedRoutes } from './unsupported.ts'

/** Every route, Chroma's and ours. */
export const routes: readonly Route[] = [
  ...systemRoutes,
  ...metricsRoutes,
  ...databaseRoutes,
  ...collectionRoutes,
  ...forkRoutes,
  ...recordRoutes,
  ...beyondLocalRoutes,
  ...unsupportedRoutes,
  ...historyRoutes,
  ...careRoutes,
  ...proofRoutes,
  ...backupRoutes,
]
