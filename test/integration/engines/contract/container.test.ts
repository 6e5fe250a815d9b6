import { containerPlace } from './container-place.ts'
import { engineContract } from './suite.ts'

engineContract('container', containerPlace)
