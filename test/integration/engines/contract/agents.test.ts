import { agentsPlace } from './agents-place.ts'
import { engineContract } from './suite.ts'

engineContract('agents', agentsPlace)
