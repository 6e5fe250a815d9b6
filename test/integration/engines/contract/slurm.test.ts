import { slurmTests } from '../../../support/slurm.ts'
import { slurmPlace } from './slurm-place.ts'
import { engineContract } from './suite.ts'

engineContract('slurm', slurmPlace, slurmTests('slurm engine'))
