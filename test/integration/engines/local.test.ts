import { engineContract } from './contract.ts'
import { localPlace } from './local-place.ts'

engineContract('local', localPlace)
