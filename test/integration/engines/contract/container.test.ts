import { missing } from '../../../support/container.ts'
import { leftOut } from '../../../support/left-out.ts'
import { containerPlace } from './container-place.ts'
import { engineContract } from './suite.ts'

engineContract('container', containerPlace, leftOut('container engine', missing()))
