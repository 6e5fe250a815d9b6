import { localPlace } from './local-place.ts'
import { engineContract } from './suite.ts'

engineContract('local', localPlace)
